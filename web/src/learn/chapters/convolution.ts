export const convolutionWords = {
  title: ['Convolution on pixels', '픽셀 위의 합성곱'],
  about: ['A filter slides over the image', '이미지 위를 움직이는 필터'],
  lead: [
    'A filter is a small table of weights. It is laid on the image; each weight is multiplied by the pixel under it, and all products are added. The sum is one value of the **feature map**. Then the filter moves on by one pixel, until it has been everywhere.',
    '필터는 가중치가 적힌 작은 표입니다. 필터를 이미지 위에 놓고 가중치마다 그 아래의 픽셀과 곱한 뒤 모두 더합니다. 그 합이 **특징 맵**의 값 하나입니다. 필터를 한 픽셀씩 옮기며 이미지 전체에서 되풀이합니다.',
  ],
  more: [
    'It is the sum of products from the last chapter, now over rows and columns. One thing is different: the filter is not reversed. Deep learning calls that convolution all the same; the next chapter compares the two.',
    '앞 장에서 본 곱의 합을 행과 열 방향으로 넓힌 것입니다. 한 가지가 다릅니다. 필터를 뒤집지 않습니다. 딥러닝에서는 그래도 합성곱이라고 부르며, 둘의 차이는 다음 장에서 비교합니다.',
  ],
  try: [
    'Point at the feature map, or move the filter with the slider. Change the weights of the filter.',
    '특징 맵을 가리키거나 슬라이더로 필터를 움직여 보세요. 필터의 가중치도 바꿔 보세요.',
  ],
  figure: ['Image, filter and feature map', '이미지, 필터, 특징 맵'],
  input: ['image {h} × {w}', '이미지 {h} × {w}'],
  filter: ['filter {k} × {k}', '필터 {k} × {k}'],
  products: ['products, sum {sum}', '곱, 합 {sum}'],
  map: ['feature map {h} × {w}', '특징 맵 {h} × {w}'],
  position: ['Position of the filter', '필터의 위치'],
  at: ['row {r}, column {c}', '{r}행 {c}열'],
  task1: [
    'Build a filter of 3 × 3 that sees only horizontal edges: where the brightness changes from left to right only, it must give 0.',
    '수평 경계만 감지하는 3 × 3 필터를 만드세요. 밝기가 좌우로만 변하는 곳에서는 결과가 0이어야 합니다.',
  ],
  hint1: [
    'The weights of each column must add up to 0, but not those of each row. Try 1 1 1 above, 0 0 0 in the middle and −1 −1 −1 below.',
    '열마다 가중치의 합은 0이어야 하지만 행마다의 합은 0이 아니어야 합니다. 위는 1 1 1, 가운데는 0 0 0, 아래는 −1 −1 −1로 해 보세요.',
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
