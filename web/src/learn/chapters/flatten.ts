export const flattenWords = {
  title: ['Flatten and fully connected', '평탄화와 완전연결층'],
  about: ['From maps to one number per class', '맵에서 클래스별 숫자로'],
  lead: [
    'To decide, the network needs a row of numbers. **Flatten** lays all cells out one after the other. In a **fully connected** layer every neuron multiplies every one of them by a weight of its own, adds them up and adds its bias.',
    '판단하려면 숫자가 한 줄로 있어야 합니다. **평탄화**는 모든 칸을 차례로 늘어놓습니다. **완전연결층**의 뉴런은 그 숫자 모두에 각각의 가중치를 곱해 더하고 편향을 더합니다.',
  ],
  more: [
    'Below is one fully connected layer with ten neurons, one per digit, directly on the pixels. It was trained in this page a moment ago and recognises {p} % of unseen digits: an honest baseline for the convolutional network.',
    '아래는 숫자마다 뉴런이 하나씩 있는 완전연결층을 픽셀에 바로 연결한 것입니다. 방금 이 페이지에서 학습했고 처음 보는 숫자의 {p} %를 맞힙니다. 합성곱 신경망과 비교할 기준이 됩니다.',
  ],
  try: [
    'Choose a neuron and see which pixels speak for it and which against.',
    '뉴런을 골라 어떤 픽셀이 그 숫자에 유리하고 불리한지 살펴보세요.',
  ],
  figure: [
    'The image, the row of 64 numbers, the weights of a neuron, and the products',
    '이미지, 한 줄로 펼친 숫자 64개, 뉴런의 가중치, 그리고 곱',
  ],
  image: ['image 8 × 8', '이미지 8 × 8'],
  row: ['flattened: 64 numbers', '평탄화한 숫자 64개'],
  weights: ['weights of neuron "{k}"', '뉴런 "{k}"의 가중치'],
  products: ['pixel × weight', '픽셀 × 가중치'],
  sums: ['the sums of all ten neurons', '뉴런 10개의 합'],
  neuron: ['Neuron', '뉴런'],
  cell: ['Cell', '칸'],
  at: ['row {r}, column {c}', '{r}행 {c}열'],
  index: ['index = row · 8 + column = {r} · 8 + {c} = ', '인덱스 = 행 · 8 + 열 = {r} · 8 + {c} = '],
  task1: [
    'Which index has row 2, column 5 of an 8 × 8 map after flatten? Count from 0.',
    '8 × 8 맵의 2행 5열은 평탄화하면 몇 번 인덱스가 되나요? 0부터 셉니다.',
  ],
  hint1: ['Two full rows of 8 come first.', '그 앞에 8칸짜리 행이 두 개 있습니다.'],
  why1: ['2 · 8 + 5 = 21.', '2 · 8 + 5 = 21입니다.'],
  task2: ['Choose the neuron with the largest sum for this image.', '이 이미지에서 합이 가장 큰 뉴런을 고르세요.'],
  hint2: ['Compare the ten sums on the right.', '열 개의 합을 비교해 보세요.'],
  why2: ['That neuron decides: its digit is the prediction.', '그 뉴런의 숫자가 예측 결과가 됩니다.'],
  task3: [
    '32 maps of 2 × 2 are flattened and go to 32 neurons. How many weights and biases does that layer have?',
    '2 × 2 맵 32장을 평탄화해 뉴런 32개에 연결하면 이 층의 가중치와 편향은 모두 몇 개인가요?',
  ],
  hint3: [
    '32 · 2 · 2 = 128 inputs; each neuron has a weight for each and one bias.',
    '입력은 32 · 2 · 2 = 128개이고, 뉴런마다 입력 수만큼의 가중치와 편향 하나가 있습니다.',
  ],
  why3: [
    '32 · (128 + 1) = 4,128: often the largest layer of a network.',
    '32 · (128 + 1) = 4,128개입니다. 완전연결층은 신경망에서 가장 큰 층일 때가 많습니다.',
  ],
} as const
