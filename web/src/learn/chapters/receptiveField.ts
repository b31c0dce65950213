export const receptiveFieldWords = {
  title: ['Stacking and the receptive field', '층 쌓기와 수용 영역'],
  about: ['What one value sees of the image', '값 하나가 보는 이미지의 범위'],
  lead: [
    'A value of the first layer sees as many pixels as its filter is wide. A value of the second layer sees several of those, and so more of the image. This area is its **receptive field**; it grows with every layer and with the stride.',
    '첫 번째 층의 값 하나는 필터 크기만큼의 픽셀을 봅니다. 두 번째 층의 값은 그런 값 여러 개를 보므로 이미지의 더 넓은 부분을 보게 됩니다. 이 범위를 **수용 영역**이라 하며, 층과 스트라이드가 늘수록 넓어집니다.',
  ],
  more: [
    'Several small filters in a row see as much as one large filter, with fewer weights and an activation between them.',
    '작은 필터 여러 개를 이으면 큰 필터 하나만큼 넓게 보면서도 가중치는 더 적고 그 사이에 활성화 함수를 넣을 수 있습니다.',
  ],
  try: ['Add layers and watch what the value at the top sees.', '층을 늘리면서 맨 위의 값이 보는 범위를 살펴보세요.'],
  figure: [
    'From one value of the last layer down to the pixels it sees',
    '마지막 층의 값 하나에서 그 값이 보는 픽셀까지',
  ],
  layers: ['Convolution layers', '합성곱 층 수'],
  kernel: ['Filter size', '필터 크기'],
  stride: ['Stride', '스트라이드'],
  layer: ['layer {n}', '{n}층'],
  input: ['image', '이미지'],
  onImage: ['receptive field on the image', '이미지 위의 수용 영역'],
  task1: [
    'Reach a receptive field of 7 × 7 with filters of 3 × 3 and stride 1.',
    '3 × 3 필터와 스트라이드 1로 수용 영역 7 × 7을 만드세요.',
  ],
  hint1: ['Each layer of 3 × 3 adds 2.', '3 × 3 층마다 2씩 늘어납니다.'],
  why1: ['1 + 2 + 2 + 2 = 7.', '1 + 2 + 2 + 2 = 7입니다.'],
  task2: ['Reach at least 15 × 15 with three layers of 3 × 3.', '3 × 3 층 세 개로 15 × 15 이상을 만드세요.'],
  hint2: ['A larger stride doubles what each later layer adds.', '스트라이드를 키우면 뒤의 층이 더하는 폭이 커집니다.'],
  why2: ['With stride 2: 1 + 2 + 4 + 8 = 15.', '스트라이드 2에서 1 + 2 + 4 + 8 = 15입니다.'],
  task3: [
    'Two filters of 3 × 3 see as much as one of 5 × 5, which has 25 weights. How many weights have the two together, without biases?',
    '3 × 3 필터 두 개는 가중치가 25개인 5 × 5 필터 하나만큼 넓게 봅니다. 편향을 빼면 두 필터의 가중치는 모두 몇 개인가요?',
  ],
  hint3: ['9 each.', '각각 9개입니다.'],
  why3: [
    '18 instead of 25, and an activation fits between.',
    '25개가 아니라 18개이고, 사이에 활성화 함수도 들어갑니다.',
  ],
} as const
