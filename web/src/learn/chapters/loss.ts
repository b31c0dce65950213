export const lossWords = {
  title: ['Loss, and how weights change', '손실, 그리고 가중치가 바뀌는 방법'],
  about: ['The gradient is a slope; training walks down', '기울기를 따라 내려가는 학습'],
  lead: [
    'The **loss** says in one number how wrong the network is. For one image it is −ln p, where p is the probability that the network gave to the right class: 0 where it was certain and right, and larger the less it believed in the right class. The loss of many images is the mean.',
    '**손실**은 신경망이 얼마나 틀렸는지를 숫자 하나로 나타냅니다. 이미지 한 장의 손실은 −ln p이고, p는 신경망이 정답 클래스에 준 확률입니다. 정답을 확신했다면 0이고, 정답을 덜 믿었을수록 커집니다. 여러 이미지의 손실은 그 평균입니다.',
  ],
  more: [
    'Training changes weights and biases so that the loss falls. How it knows in which direction to change them is the second part.',
    '학습은 손실이 줄어들도록 가중치와 편향을 바꾸는 일입니다. 어느 방향으로 바꿔야 하는지를 어떻게 아는지는 두 번째 부분에서 다룹니다.',
  ],
  try: [
    'Choose another image, or say that another class was the right one, and watch the loss. Then walk down the curve below.',
    '다른 이미지를 고르거나 정답 클래스를 바꾸면서 손실을 살펴보세요. 그다음 아래의 곡선을 따라 내려가 보세요.',
  ],
  image: ['the image', '이미지'],
  imageFigure: ['The image and its loss on the curve −ln p', '이미지와 곡선 −ln p 위의 손실'],
  imageCurve: ['loss −ln p for the probability p of class {k}', '클래스 {k}의 확률 p에 따른 손실 −ln p'],
  truth: ['The right class', '정답 클래스'],
  one: ['One weight: the gradient is a slope', '가중치 하나: 그래디언트는 기울기다'],
  oneLead: [
    'Change only one weight, that of neuron 8 for row 4, column 3, and leave all others as they are: the loss becomes a curve. Its slope, the **gradient**, tells which way is down. A step subtracts the slope times the learning rate η from the weight: w − η · slope.',
    '뉴런 8의 4행 3열에 대한 가중치 하나만 바꾸고 나머지는 그대로 두면 손실은 곡선이 됩니다. 그 곡선의 기울기, 곧 **그래디언트**가 어느 쪽이 내리막인지 알려 줍니다. 한 스텝마다 기울기에 학습률 η를 곱해 가중치에서 뺍니다: w − η · 기울기.',
  ],
  figure: ['The loss as a function of one weight, with its slope', '가중치 하나에 대한 손실 곡선과 기울기'],
  curve: ['mean loss of {n} digits for each value of the weight', '가중치 값에 따른 숫자 {n}장의 평균 손실'],
  weight: ['Weight w', '가중치 w'],
  rate: ['Learning rate η', '학습률 η'],
  step: ['One step', '한 스텝'],
  slope: ['slope', '기울기'],
  loss: ['loss', '손실'],
  all: ['All weights at once', '모든 가중치를 한꺼번에'],
  allLead: [
    'The same for all 640 weights and 10 biases of the layer, which start at 0. The maps are the gradients of the ten neurons: what a step will change.',
    '이번에는 0에서 시작하는 가중치 640개와 편향 10개 전부입니다. 아래 맵은 뉴런 10개의 그래디언트, 곧 다음 스텝에서 바뀔 값입니다.',
  ],
  allFigure: [
    'The gradients of all weights, and the loss after each step',
    '모든 가중치의 그래디언트와 스텝마다의 손실',
  ],
  steps: ['20 steps', '20 스텝'],
  reset: ['Back to 0', '0으로 되돌리기'],
  after: ['after {n} steps: loss {l}, accuracy {a} %', '{n} 스텝 후: 손실 {l}, 정확도 {a} %'],
  lossTitle: ['loss', '손실'],
  gradients: ['gradient by the weights of each neuron', '뉴런별 가중치의 그래디언트'],
  task1: [
    'The network gave the right class the probability 1. What is the loss of this image?',
    '신경망이 정답 클래스에 확률 1을 주었습니다. 이 이미지의 손실은 얼마인가요?',
  ],
  hint1: [
    'The natural logarithm of 1: e to the power of what is 1?',
    '1의 자연로그입니다. e를 몇 제곱하면 1이 되나요?',
  ],
  why1: [
    '−ln 1 = 0: nothing is left to learn from this image.',
    '−ln 1 = 0입니다. 이 이미지에서 더 배울 것이 없습니다.',
  ],
  task2: ['Find the weight at which the slope is almost 0.', '기울기가 거의 0이 되는 가중치를 찾으세요.'],
  hint2: [
    'Go to the lowest point of the curve, by hand or by steps.',
    '손으로든 스텝으로든 곡선의 가장 낮은 곳으로 가세요.',
  ],
  why2: [
    'There a step changes nothing: this weight has learned what it can.',
    '여기서는 스텝을 밟아도 변하지 않습니다. 이 가중치는 배울 만큼 배웠습니다.',
  ],
  task3: [
    'w = 2, slope 0.5, learning rate 0.1. What is w after one step?',
    'w = 2, 기울기 0.5, 학습률 0.1일 때 한 스텝 후의 w는 얼마인가요?',
  ],
  hint3: ['w − η · slope', 'w − η · 기울기'],
  why3: ['2 − 0.1 · 0.5 = 1.95.', '2 − 0.1 · 0.5 = 1.95입니다.'],
  task4: ['All weights: bring the loss below 0.5.', '모든 가중치: 손실을 0.5보다 작게 만드세요.'],
  hint4: [
    'Press "20 steps" a few times with a learning rate near 1.',
    '학습률을 1 근처로 두고 "20 스텝"을 여러 번 누르세요.',
  ],
  why4: [
    'Nothing else happens in a large network, only with more weights.',
    '큰 신경망에서도 똑같습니다. 가중치가 더 많을 뿐입니다.',
  ],
  task5: [
    'All weights: choose a learning rate so high that a step makes the loss larger.',
    '모든 가중치: 한 스텝에 손실이 오히려 커지도록 학습률을 높이세요.',
  ],
  hint5: [
    'Start again from 0 with the largest learning rate and make single steps.',
    '0으로 되돌린 뒤 가장 큰 학습률로 한 스텝씩 밟아 보세요.',
  ],
  why5: [
    'The step jumps over the valley and lands higher on the other side.',
    '골짜기를 건너뛰어 반대쪽 더 높은 곳에 내려앉기 때문입니다.',
  ],
} as const
