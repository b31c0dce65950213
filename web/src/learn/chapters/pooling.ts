export const poolingWords = {
  title: ['Pooling', '풀링'],
  about: ['Smaller maps, and less change when things move', '맵은 작게, 위치 변화에는 둔감하게'],
  lead: [
    'A window moves over the map and keeps one number of each place: the largest (**max pooling**) or the mean (**average pooling**). It is not a convolution: it has no weights, and nothing is learned.',
    '윈도우가 맵 위를 움직이며 자리마다 숫자 하나만 남깁니다. 가장 큰 값을 남기면 **최대 풀링**, 평균을 남기면 **평균 풀링**입니다. 합성곱이 아니므로 가중치가 없고 학습하는 것도 없습니다.',
  ],
  more: [
    'The map becomes smaller, so that all later layers cost less. And where the image moves by a pixel, the pooled map often changes less than the map before it.',
    '맵이 작아져서 뒤따르는 층의 계산량이 줄어듭니다. 또 이미지가 한 픽셀 움직였을 때 풀링한 맵은 풀링 전의 맵보다 대체로 덜 변합니다.',
  ],
  try: [
    'Shift the image and compare how much the map changes before and after pooling.',
    '이미지를 옮기고, 풀링 전과 후의 맵이 얼마나 변하는지 비교해 보세요.',
  ],
  figure: [
    'A feature map and its pooled map, of the image and of the shifted image',
    '원래 이미지와 옮긴 이미지의 특징 맵, 그리고 각각을 풀링한 맵',
  ],
  map: ['feature map 8 × 8', '특징 맵 8 × 8'],
  pooled: ['pooled {n} × {n}', '풀링 후 {n} × {n}'],
  shiftedMap: ['of the image shifted by {s}', '{s}픽셀 옮긴 이미지의 맵'],
  shiftedPooled: ['pooled', '풀링 후'],
  kind: ['Pooling', '풀링'],
  max: ['max', '최대'],
  avg: ['average', '평균'],
  size: ['Window', '윈도우'],
  stride: ['Stride', '스트라이드'],
  shift: ['Shift the image by', '이미지 이동'],
  px: ['{n} px', '{n}픽셀'],
  changed: ['change of the map: before pooling {a}, after pooling {b}', '맵의 변화: 풀링 전 {a}, 풀링 후 {b}'],
  work: [
    'a next layer of 16 filters of 3 × 3: 16 · 9 · {h}² = {a} multiplications, without pooling 16 · 9 · 8² = {b}',
    '다음 층이 3 × 3 필터 16개일 때: 곱셈 16 · 9 · {h}² = {a}번, 풀링하지 않으면 16 · 9 · 8² = {b}번',
  ],
  saved: ['{p} % saved', '{p} % 절약'],
  task1: ['Pool the 8 × 8 map down to 2 × 2.', '8 × 8 맵을 2 × 2로 풀링하세요.'],
  hint1: [
    '⌊(8 − window) / stride⌋ + 1 must be 2: try a window of 4 and a stride of 4.',
    '⌊(8 − 윈도우) / 스트라이드⌋ + 1이 2가 되어야 합니다. 윈도우 4, 스트라이드 4를 써 보세요.',
  ],
  why1: ['A next layer then costs a sixteenth.', '다음 층의 계산량이 16분의 1이 됩니다.'],
  task2: [
    'Shift the image by 1 pixel and find a pooling after which the map changes less than before it.',
    '이미지를 1픽셀 옮기고, 풀링 전보다 맵이 덜 변하는 풀링을 찾으세요.',
  ],
  hint2: [
    'Set the shift to 1; then try larger windows or average pooling.',
    '이동을 1로 맞추고 더 큰 윈도우나 평균 풀링을 써 보세요.',
  ],
  why2: [
    'What moved within one window gives the same value. What crossed a border still changes: robust, not invariant.',
    '윈도우 안에서 움직인 값은 결과가 같고, 경계를 넘은 값은 여전히 변합니다. 강건해질 뿐 완전히 불변은 아닙니다.',
  ],
  task3: [
    'How many weights does a max pooling layer of 2 × 2 learn?',
    '2 × 2 최대 풀링 층이 학습하는 가중치는 몇 개인가요?',
  ],
  hint3: ['What would it have to learn?', '학습할 것이 있을까요?'],
  why3: ['None: the largest value is what it is.', '없습니다. 가장 큰 값은 학습 없이 정해집니다.'],
} as const
