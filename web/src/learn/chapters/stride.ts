export const strideWords = {
  title: ['Stride', '스트라이드'],
  about: ['How far the filter moves', '필터가 움직이는 간격'],
  lead: [
    'The stride is how many pixels the filter moves on. With stride 2 it stops at every second place only, so that the output has half the height and half the width, and costs a quarter.',
    '스트라이드는 필터가 한 번에 움직이는 픽셀 수입니다. 스트라이드가 2이면 두 칸마다 한 번만 멈추므로 출력의 높이와 너비가 절반이 되고 계산량은 4분의 1이 됩니다.',
  ],
  try: [
    'Change the stride. The dots are the places where the filter stops; pale pixels are never seen.',
    '스트라이드를 바꿔 보세요. 점은 필터가 멈추는 곳이고, 흐린 픽셀은 한 번도 쓰이지 않는 픽셀입니다.',
  ],
  figure: ['Where the filter stops, and the output', '필터가 멈추는 곳과 출력'],
  input: ['input 8 × 8, padding {p}', '입력 8 × 8, 패딩 {p}'],
  output: ['output {n} × {n}', '출력 {n} × {n}'],
  stride: ['Stride', '스트라이드'],
  kernel: ['Filter size', '필터 크기'],
  padding: ['Padding', '패딩'],
  cost: ['multiplications', '곱셈 횟수'],
  position: ['Position of the filter', '필터의 위치'],
  at: ['row {r}, column {c}', '{r}행 {c}열'],
  task1: ['Make the output 3 × 3 with a 3 × 3 filter.', '3 × 3 필터로 출력을 3 × 3으로 만드세요.'],
  hint1: [
    'Without padding there are 6 places in a row; take every second one.',
    '패딩이 없으면 한 줄에 놓을 자리가 6곳입니다. 두 칸마다 하나씩 고르세요.',
  ],
  why1: ['⌊(8 − 3) / 2⌋ + 1 = 3.', '⌊(8 − 3) / 2⌋ + 1 = 3입니다.'],
  task2: [
    'An image of 32 × 32, a 3 × 3 filter, padding 1, stride 2: what is the side of the output?',
    '32 × 32 이미지에 3 × 3 필터, 패딩 1, 스트라이드 2를 쓰면 출력의 한 변은 얼마인가요?',
  ],
  hint2: ['⌊(32 + 2 − 3) / 2⌋ + 1', '⌊(32 + 2 − 3) / 2⌋ + 1'],
  why2: ['Half of 32: 16.', '32의 절반인 16입니다.'],
  task3: [
    'Choose a filter and a stride so that some pixels between the windows are never seen.',
    '윈도우 사이의 어떤 픽셀은 한 번도 쓰이지 않도록 필터와 스트라이드를 고르세요.',
  ],
  hint3: ['The stride must be larger than the filter.', '스트라이드가 필터보다 커야 합니다.'],
  why3: [
    'What is skipped there never comes back; Foveal warns of it.',
    '여기서 건너뛴 정보는 다시 돌아오지 않습니다. Foveal은 이를 경고합니다.',
  ],
} as const
