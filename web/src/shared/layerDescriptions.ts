// What each kind of layer does, with its values, in English and Korean.
import type { Words } from './i18n.svelte'

export const descriptions = {
  image: [
    'The input image: {c} channels of {h} × {w} pixels, each value from 0 to 255.',
    '입력 이미지입니다. {h} × {w} 픽셀의 채널 {c}개이며 값은 0에서 255까지입니다.',
  ],
  normalise: [
    'Each channel is standardised by the mean and standard deviation of the training images: (x / 255 − mean) ' +
      '/ std.',
    '각 채널을 학습 이미지의 평균과 표준편차로 표준화합니다. (x / 255 − 평균) / 표준편차.',
  ],
  conv: [
    '{o} filters of {kh} × {kw} move over the input with stride {sh} × {sw}. Each multiplies the window by its ' +
      'weights element by element, sums over {i} input maps and adds its bias: one feature map a filter.',
    '{kh} × {kw} 필터 {o}개가 스트라이드 {sh} × {sw}(으)로 입력 위를 움직입니다. 윈도우에 가중치를 원소별로 곱해 입력 맵 {i}개에 걸쳐 더하고 편향을 더하면 필터마다 특징 ' +
      '맵 하나가 됩니다.',
  ],
  pad: ['Cells are added around every map.', '모든 맵의 둘레에 칸을 덧붙입니다.'],
  max_pool: [
    'A {kh} × {kw} window moves with stride {sh} × {sw}; the largest value of each window is kept. No weights. ' +
      'Maps become smaller and less sensitive to small shifts.',
    '{kh} × {kw} 윈도우가 스트라이드 {sh} × {sw}(으)로 움직이며 가장 큰 값만 남깁니다. 가중치가 없습니다. 맵이 작아지고 작은 이동에 덜 민감해집니다.',
  ],
  avg_pool: [
    'A {kh} × {kw} window moves with stride {sh} × {sw}; the mean of each window is kept. No weights.',
    '{kh} × {kw} 윈도우가 스트라이드 {sh} × {sw}(으)로 움직이며 평균만 남깁니다. 가중치가 없습니다.',
  ],
  global_max_pool: ['The largest value of each map is kept: one value a map.', '맵마다 가장 큰 값 하나만 남깁니다.'],
  global_avg_pool: ['The mean of each map is kept: one value a map.', '맵마다 평균 하나만 남깁니다.'],
  flatten: [
    'All maps are laid out as one vector of {n} values: map after map, row after row.',
    '모든 맵을 값 {n}개의 벡터로 펼칩니다. 맵 순서, 행 순서대로입니다.',
  ],
  dense: [
    'Each of {o} units multiplies all {n} inputs by its weights, adds them up and adds its bias.',
    '유닛 {o}개가 각각 입력 {n}개 모두에 가중치를 곱해 더하고 편향을 더합니다.',
  ],
  dropout: [
    'In training, a fraction {rate} of the values is set to 0. In inference every value passes unchanged.',
    '학습할 때는 값의 {rate} 비율을 0으로 만듭니다. 추론할 때는 모든 값이 그대로 지나갑니다.',
  ],
  dropout2d: [
    'In training, a fraction {rate} of the maps is set to 0. In inference every map passes unchanged.',
    '학습할 때는 맵의 {rate} 비율을 0으로 만듭니다. 추론할 때는 모든 맵이 그대로 지나갑니다.',
  ],
  batch_norm: [
    'Each map is normalised by its mean and variance over the training images, then scaled and shifted.',
    '각 맵을 학습 이미지에서 얻은 평균과 분산으로 정규화하고, 스케일하고 이동합니다.',
  ],
  layer_norm: [
    'At each position the values are normalised by their mean and variance over all maps.',
    '위치마다 모든 맵에 걸친 평균과 분산으로 값을 정규화합니다.',
  ],
  group_norm: [
    'Each group of maps is normalised by its own mean and variance.',
    '맵 그룹마다 그 그룹의 평균과 분산으로 정규화합니다.',
  ],
  relu: [
    'Negative values become 0, positive ones pass: max(0, x).',
    '음수는 0이 되고 양수는 그대로 지나갑니다. max(0, x).',
  ],
  relu6: [
    'Negative values become 0, values above 6 become 6: min(max(0, x), 6).',
    '음수는 0이 되고 6보다 큰 값은 6이 됩니다. min(max(0, x), 6).',
  ],
  leaky_relu: [
    'Positive values pass, negative ones are multiplied by {slope}.',
    '양수는 그대로 지나가고 음수에는 {slope}을(를) 곱합니다.',
  ],
  elu: [
    'Positive values pass, negative ones approach −{alpha}: {alpha} · (eˣ − 1).',
    '양수는 그대로 지나가고 음수는 −{alpha}에 가까워집니다. {alpha} · (eˣ − 1).',
  ],
  gelu: ['x times the standard normal distribution function at x.', 'x에 표준정규분포의 누적분포함수 값을 곱합니다.'],
  silu: ['x times sigmoid(x).', 'x에 시그모이드(x)를 곱합니다.'],
  tanh: ['Every value is mapped to −1 to 1.', '모든 값을 −1에서 1 사이로 변환합니다.'],
  sigmoid: ['Every value is mapped to 0 to 1.', '모든 값을 0에서 1 사이로 변환합니다.'],
  hard_sigmoid: ['min(max(x + 3, 0), 6) / 6.', 'min(max(x + 3, 0), 6) / 6.'],
  hard_swish: ['x × min(max(x + 3, 0), 6) / 6.', 'x × min(max(x + 3, 0), 6) / 6.'],
  squeeze_excite: [
    'The mean of every map passes through two small fully connected layers that give each map a gate from 0 to ' +
      '1; each map is multiplied by its gate.',
    '모든 맵의 평균이 작은 완전연결층 둘을 지나 맵마다 0에서 1 사이의 게이트가 되고, 각 맵에 그 게이트를 곱합니다.',
  ],
  layer_scale: ['Each map is multiplied by a learned factor.', '각 맵에 학습된 계수를 곱합니다.'],
  residual: [
    'The input of the block is added to the output of its layers, value by value.',
    '블록의 입력을 층들의 출력에 값별로 더합니다.',
  ],
  concat: ['The maps of all branches are stacked one after the other.', '모든 가지의 맵을 차례로 쌓습니다.'],
  output: [
    'The logits, one a class; {f} turns them into probabilities.',
    '클래스마다 하나인 로짓입니다. {f} 함수가 확률로 바꿉니다.',
  ],
} as const satisfies Words
