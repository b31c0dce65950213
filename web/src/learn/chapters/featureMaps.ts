export const featureMapWords = {
  title: ['Several filters, several feature maps', '여러 필터, 여러 특징 맵'],
  about: ['Each filter finds another feature', '필터마다 다른 특징을 찾는다'],
  lead: [
    'One filter finds one feature: an edge, a corner, a spot. A layer therefore has several filters, and each gives its own **feature map**. This is feature extraction.',
    '필터 하나는 경계, 모서리, 점처럼 한 가지 특징을 찾습니다. 그래서 한 층에는 필터가 여러 개 있고, 필터마다 **특징 맵**이 하나씩 나옵니다. 이것이 특징 추출입니다.',
  ],
  more: [
    'The filters of the next layer see all these maps at once: after 8 maps a 3 × 3 filter has 8 · 3 · 3 weights and one bias.',
    '다음 층의 필터는 이 맵들을 한꺼번에 봅니다. 맵 8장 뒤에 오는 3 × 3 필터에는 가중치가 8 · 3 · 3개, 편향이 하나 있습니다.',
  ],
  try: [
    'Change the number of filters, choose one and change its weights.',
    '필터 수를 바꾸고, 하나를 골라 가중치를 바꿔 보세요.',
  ],
  figure: ['The image, its filters and their feature maps', '이미지와 필터, 그리고 특징 맵'],
  image: ['image 32 × 32', '이미지 32 × 32'],
  count: ['Filters', '필터 수'],
  chosen: ['Chosen filter', '고른 필터'],
  weights: [
    '{n} filters · ({k} · {k} weights · 1 map + 1 bias) = {all}',
    '필터 {n}개 · (가중치 {k} · {k}개 · 맵 1장 + 편향 1개) = {all}',
  ],
  maps: ['{n} filters give {n} feature maps', '필터 {n}개에서 특징 맵 {n}장'],
  task1: ['Make exactly 6 feature maps.', '특징 맵을 정확히 6장 만드세요.'],
  hint1: ['Each filter gives one map.', '필터 하나가 맵 하나를 만듭니다.'],
  why1: ['The number of filters is the number of channels of the output.', '필터 수가 곧 출력의 채널 수입니다.'],
  task2: [
    'A layer of 8 filters of 3 × 3 on a grey image: how many weights and biases are that?',
    '흑백 이미지에 3 × 3 필터 8개를 쓰는 층의 가중치와 편향은 모두 몇 개인가요?',
  ],
  hint2: ['Each filter has 9 weights and one bias.', '필터마다 가중치 9개와 편향 1개가 있습니다.'],
  why2: ['8 · (9 + 1) = 80.', '8 · (9 + 1) = 80개입니다.'],
  task3: [
    'The next layer has 16 filters of 3 × 3 and sees those 8 maps. How many weights and biases?',
    '다음 층은 그 맵 8장을 받는 3 × 3 필터 16개입니다. 가중치와 편향은 모두 몇 개인가요?',
  ],
  hint3: [
    'Each filter has 3 · 3 weights for each of the 8 maps, and one bias.',
    '필터마다 맵 8장 각각에 가중치 3 · 3개, 그리고 편향 1개가 있습니다.',
  ],
  why3: [
    '16 · (8 · 9 + 1) = 1,168. The size of the image does not matter.',
    '16 · (8 · 9 + 1) = 1,168개입니다. 이미지의 크기와는 관계가 없습니다.',
  ],
} as const
