export const signalWords = {
  title: ['Convolution: reverse, shift, multiply, add', '합성곱: 뒤집고, 옮기고, 곱하고, 더하기'],
  about: ['In one dimension, as an area that you drag', '1차원에서 넓이로 이해하는 합성곱'],
  lead: [
    'A convolution makes of two functions f and g a third one, f ∗ g. Its value at t takes four steps: **reverse** g, so that it runs backwards; **shift** it by t; **multiply** it with f at every point; **integrate** the product, that is, take the area under it.',
    '합성곱은 두 함수 f와 g로 세 번째 함수 f ∗ g를 만드는 연산입니다. t에서의 값은 네 단계로 구합니다. g를 좌우로 **뒤집고**, t만큼 **옮기고**, 모든 점에서 f와 **곱한** 다음, 그 곱을 **적분합니다**. 적분은 곡선 아래의 넓이를 구하는 일입니다.',
  ],
  more: [
    'Where there are numbers instead of curves, as in a row of pixels, the area becomes a sum of products. The figure below the formula does that.',
    '픽셀 한 행처럼 곡선 대신 숫자가 있으면 넓이는 곱의 합이 됩니다. 수식 아래의 그림에서 해 볼 수 있습니다.',
  ],
  try: [
    'Drag the orange curve over the blue one, or use the slider, and watch the area.',
    '주황색 곡선을 파란색 곡선 위로 끌거나 슬라이더를 움직이면서 넓이를 살펴보세요.',
  ],
  note: [
    'Why reverse? Read f(a) as what happens at the moment a, and g(s) as what is left of it a time s later. At the moment t, what happened at a is t − a old, so that f(a) · g(t − a) of it is left. Added up over all a, that is the convolution.',
    '왜 뒤집을까요? f(a)를 순간 a에 일어난 일의 크기, g(s)를 시간 s가 지난 뒤에 남은 비율이라고 해 봅시다. 순간 t에서 보면 a에 일어난 일은 t − a만큼 지났으므로 f(a) · g(t − a)만큼 남아 있습니다. 이것을 모든 a에 대해 더한 것이 합성곱입니다.',
  ],
  figure: [
    'g and the reversed g; f and the shifted g; their product and its area; the result for every t',
    'g와 뒤집은 g, f와 옮긴 g, 둘의 곱과 넓이, 모든 t에 대한 결과',
  ],
  reverse: ['1 · reverse: g(a) becomes g(−a)', '1 · 뒤집기: g(a)가 g(−a)가 된다'],
  shifted: ['2 · shift by t = {t}: g(t − a), laid on f(a)', '2 · t = {t}만큼 옮겨 f(a)에 겹치기: g(t − a)'],
  product: [
    '3 · multiply: f(a) · g(t − a); 4 · integrate: the area is {area}',
    '3 · 곱하기: f(a) · g(t − a), 4 · 적분하기: 넓이는 {area}',
  ],
  result: ['the result: the area for every shift t, (f ∗ g)(t)', '결과: 모든 t에 대한 넓이 (f ∗ g)(t)'],
  area: ['area', '넓이'],
  sums: ['(f ∗ g)[n], the sum of the products, for every n', '모든 n에 대한 곱의 합 (f ∗ g)[n]'],
  f: ['f', 'f'],
  g: ['g', 'g'],
  box: ['box', '사각형'],
  row: ['row of the image', '이미지의 한 행'],
  ramp: ['ramp', '경사'],
  bell: ['bell', '종 모양'],
  t: ['shift t', '이동 t'],
  discrete: ['The same with numbers', '숫자로 하는 같은 계산'],
  discreteFigure: [
    'A row of the image, the reversed filter below it, and the products',
    '이미지의 한 행과 그 아래의 뒤집힌 필터, 그리고 곱',
  ],
  fRow: ['f: row {r} of the image', 'f: 이미지의 {r}행'],
  gRow: ['g, reversed and shifted by n', '뒤집어 n만큼 옮긴 g'],
  products: ['products', '곱'],
  n: ['shift n', '이동 n'],
  task1: ['Shift g to a place where the area is as large as it can be.', '넓이가 최대가 되는 위치로 g를 옮기세요.'],
  hint1: [
    'Watch the dot on the lowest curve: it must stand on the highest point.',
    '맨 아래 곡선의 점을 보세요. 가장 높은 곳에 있어야 합니다.',
  ],
  why1: [
    'Where f looks most like the reversed g, the result is largest: that is why a filter finds a pattern.',
    'f가 뒤집힌 g와 가장 비슷한 곳에서 결과가 가장 큽니다. 필터가 패턴을 찾아내는 원리입니다.',
  ],
  task2: [
    'f is a box of height 1 and width 2, g a box of height 1 and width 1. How large is the largest area?',
    'f는 높이 1, 너비 2인 사각형이고 g는 높이 1, 너비 1인 사각형입니다. 넓이의 최댓값은 얼마인가요?',
  ],
  hint2: [
    'Choose both boxes above and shift g until it lies wholly on f.',
    '위에서 둘 다 사각형으로 고르고 g가 f 위에 완전히 놓일 때까지 옮겨 보세요.',
  ],
  why2: [
    'Where g lies wholly on f, the product is a box of width 1 and height 1.',
    'g가 f 위에 완전히 놓이면 곱은 너비 1, 높이 1인 사각형입니다.',
  ],
  task3: [
    'f = [1, 2, 3] and g = [1, 0, 2]. What is (f ∗ g)[2] = f[0]·g[2] + f[1]·g[1] + f[2]·g[0]?',
    'f = [1, 2, 3], g = [1, 0, 2]일 때 (f ∗ g)[2] = f[0]·g[2] + f[1]·g[1] + f[2]·g[0]은 얼마인가요?',
  ],
  hint3: ['1·2 + 2·0 + 3·1', '1·2 + 2·0 + 3·1'],
  why3: [
    'The indices of each product add up to 2: g runs backwards.',
    '곱마다 두 인덱스의 합이 2입니다. g는 거꾸로 진행합니다.',
  ],
} as const
