export const convolutionWords = {
  title: ['Convolution on pixels', '픽셀 위의 합성곱'],
  about: ['A filter slides over the image', '이미지 위를 움직이는 필터'],
  lead: [
    'A filter is a small table of weights. It is laid on the image; each weight is multiplied by the pixel under it and the products are added. That gives one value of the **feature map**. Then the filter moves on by one pixel.',
    '필터는 가중치가 적힌 작은 표입니다. 필터를 이미지 위에 놓고 가중치와 그 아래의 픽셀을 곱한 뒤 모두 더하면 **특징 맵**의 값 하나가 됩니다. 그다음 필터를 한 픽셀 옮깁니다.',
  ],
  try: [
    'Point at the feature map, or move the filter with the slider. Change the weights of the filter.',
    '특징 맵을 가리키거나 슬라이더로 필터를 움직여 보세요. 필터의 가중치도 바꿔 보세요.',
  ],
  figure: ['Image, filter and feature map', '이미지, 필터, 특징 맵'],
  input: ['image {h} × {w}', '이미지 {h} × {w}'],
  filter: ['filter {k} × {k}', '필터 {k} × {k}'],
  map: ['feature map {h} × {w}', '특징 맵 {h} × {w}'],
  position: ['Position of the filter', '필터의 위치'],
  at: ['row {r}, column {c}', '{r}행 {c}열'],
  task1: [
    'Build a filter of 3 × 3 that sees only horizontal edges: it must give 0 wherever brightness changes from left to right only.',
    '수평 경계만 감지하는 3 × 3 필터를 만드세요. 밝기가 좌우로만 변하는 곳에서는 결과가 0이어야 합니다.',
  ],
  hint1: [
    'The weights in each column must add up to 0, and the top row must be the opposite of the bottom row, such as 1 1 1 above and −1 −1 −1 below.',
    '각 열의 가중치를 더하면 0이 되어야 하고, 위 행과 아래 행의 부호가 반대여야 합니다. 예를 들어 위는 1 1 1, 아래는 −1 −1 −1입니다.',
  ],
  why1: [
    'Above minus below: only a change from top to bottom is left. The Sobel filter does the same.',
    '위에서 아래를 빼므로 위아래로 변하는 밝기만 남습니다. 소벨 필터도 같은 원리입니다.',
  ],
  task2: [
    'Move the filter to the place where the feature map is largest.',
    '특징 맵의 값이 가장 큰 위치로 필터를 옮기세요.',
  ],
  hint2: ['Look for the deepest blue in the feature map.', '특징 맵에서 가장 진한 파란색을 찾아보세요.'],
  why2: ['There the pixels look most like the filter.', '그곳의 픽셀이 필터와 가장 비슷합니다.'],
  task3: [
    'A 3 × 3 filter makes a feature map of 6 × 6. How many multiplications does that take?',
    '3 × 3 필터로 6 × 6 특징 맵을 만들려면 곱셈을 몇 번 해야 하나요?',
  ],
  hint3: ['Each of the 36 values takes one multiplication per weight.', '36개 값마다 가중치 수만큼 곱합니다.'],
  why3: ['6 · 6 · 3 · 3 = 324.', '6 · 6 · 3 · 3 = 324번입니다.'],
} as const
