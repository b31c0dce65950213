export const flipWords = {
  title: ['Correlation and convolution', '상호상관과 합성곱'],
  about: ['With and without reversing the filter', '필터를 뒤집는 경우와 뒤집지 않는 경우'],
  lead: [
    'What deep learning calls convolution uses the filter as it stands. In mathematics that is cross-correlation; the mathematical convolution reverses the filter on both axes first, which is a rotation by 180°.',
    '딥러닝에서 합성곱이라 부르는 연산은 필터를 있는 그대로 씁니다. 수학에서는 이것을 상호상관이라 하고, 수학의 합성곱은 필터를 두 축 모두 뒤집은 뒤, 곧 180° 회전한 뒤 씁니다.',
  ],
  more: [
    'A network that learns its filters does not care: it learns the reversed ones. It matters where you take a filter from a book or port weights.',
    '필터를 스스로 학습하는 신경망에는 차이가 없습니다. 뒤집힌 필터를 학습하면 되기 때문입니다. 책에 나온 필터를 쓰거나 가중치를 옮겨 올 때는 이 차이가 중요합니다.',
  ],
  try: [
    'Choose the single bright pixel as input and compare the two maps with the filter.',
    '입력을 밝은 픽셀 하나로 바꾸고 두 맵을 필터와 비교해 보세요.',
  ],
  figure: ['The filter as it stands and reversed, with the map of each', '그대로인 필터와 뒤집은 필터, 각각의 맵'],
  input: ['input', '입력'],
  image: ['image', '이미지'],
  impulse: ['a single bright pixel', '밝은 픽셀 하나'],
  filter: ['filter', '필터'],
  flipped: ['filter, reversed', '뒤집은 필터'],
  correlation: ['cross-correlation', '상호상관'],
  convolution: ['convolution', '합성곱'],
  difference: ['largest difference of the two maps', '두 맵의 가장 큰 차이'],
  task1: [
    'Build a filter, not all 0, for which both maps are equal.',
    '모두 0이 아니면서 두 맵이 같아지는 필터를 만드세요.',
  ],
  hint1: [
    'It must look the same after a rotation by 180°: opposite weights are equal.',
    '180° 돌려도 같은 모양이어야 합니다. 중심을 기준으로 마주 보는 가중치가 서로 같아야 합니다.',
  ],
  why1: ['Blur and Laplacian are such filters.', '흐림 필터와 라플라시안 필터가 그렇습니다.'],
  task2: [
    'The input is a single bright pixel. Which map shows the filter as it stands?',
    '입력이 밝은 픽셀 하나일 때 필터를 그대로 보여 주는 맵은 어느 것인가요?',
  ],
  hint2: ['Choose that input above and compare.', '위에서 그 입력을 골라 비교해 보세요.'],
  why2: [
    'That is why engineers measure a system with an impulse: convolution answers with the filter itself.',
    '그래서 시스템을 임펄스로 측정합니다. 합성곱의 응답은 필터 그 자체이기 때문입니다.',
  ],
  task3: [
    'A filter of one row is [1, 2, 3]. What is the first number after reversing?',
    '한 행짜리 필터 [1, 2, 3]을 뒤집으면 첫 번째 숫자는 무엇인가요?',
  ],
  hint3: ['The last becomes the first.', '마지막 숫자가 맨 앞으로 옵니다.'],
  why3: ['[3, 2, 1].', '[3, 2, 1]이 됩니다.'],
} as const
