// The texts of the filter editor, in English and Korean.

export const kernelWords = {
  filter: ['Filter', '필터'],
  size: ['Filter size', '필터 크기'],
  identity: ['identity', '항등'],
  blur: ['blur', '흐림'],
  sharpen: ['sharpen', '선명화'],
  'sobel-x': ['Sobel x', '소벨 x'],
  'sobel-y': ['Sobel y', '소벨 y'],
  laplacian: ['Laplacian', '라플라시안'],
  gabor: ['Gabor', '가보르'],
  custom: ['custom', '직접 입력'],
  cell: ['Filter row {r}, column {c}', '필터 {r}행 {c}열'],
} as const
