// What the kinds of layers are called, in English and Korean.
import type { Words } from './i18n.svelte'

export const kinds = {
  image: ['image', '이미지'],
  normalise: ['normalise', '정규화'],
  conv: ['convolution', '합성곱'],
  pad: ['padding', '패딩'],
  max_pool: ['max pooling', '최대 풀링'],
  avg_pool: ['average pooling', '평균 풀링'],
  global_max_pool: ['global max pooling', '전역 최대 풀링'],
  global_avg_pool: ['global average pooling', '전역 평균 풀링'],
  flatten: ['flatten', '평탄화'],
  dense: ['fully connected', '완전연결층'],
  dropout: ['dropout', '드롭아웃'],
  dropout2d: ['spatial dropout', '공간 드롭아웃'],
  batch_norm: ['batch norm', '배치 정규화'],
  layer_norm: ['layer norm', '층 정규화'],
  group_norm: ['group norm', '그룹 정규화'],
  relu: ['ReLU', 'ReLU'],
  relu6: ['ReLU6', 'ReLU6'],
  leaky_relu: ['leaky ReLU', 'leaky ReLU'],
  elu: ['ELU', 'ELU'],
  gelu: ['GELU', 'GELU'],
  silu: ['SiLU', 'SiLU'],
  tanh: ['tanh', 'tanh'],
  sigmoid: ['sigmoid', '시그모이드'],
  hard_sigmoid: ['hard sigmoid', 'hard sigmoid'],
  hard_swish: ['hard swish', 'hard swish'],
  squeeze_excite: ['squeeze-and-excitation', '스퀴즈-익사이테이션'],
  layer_scale: ['layer scale', '층 스케일'],
  residual: ['residual: add', '잔차 연결: 더하기'],
  concat: ['concatenate', '연결(concat)'],
  output: ['output', '출력'],
} as const satisfies Words

export type Kind = keyof typeof kinds
