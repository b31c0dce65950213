export const signalWords = {
  title: ['Convolution: reverse, shift, multiply, add', '합성곱: 뒤집고, 옮기고, 곱하고, 더하기'],
  about: ['In one dimension, as an area that you drag', '1차원에서 넓이로 이해하는 합성곱'],
  lead: [
    'In mathematics a convolution joins two functions f and g to a third. g is reversed, shifted by t, and multiplied with f at every point; the integral of the product, the area under it, is the result at t.',
    '수학에서 합성곱은 두 함수 f와 g로 세 번째 함수를 만드는 연산입니다. g를 뒤집어 t만큼 옮긴 다음 모든 점에서 f와 곱하고, 그 곱을 적분한 값, 곧 곡선 아래의 넓이가 t에서의 결과입니다.',
  ],
  more: [
    'Between numbers instead of curves the integral becomes a sum. That is all a convolution of pixels is.',
    '곡선 대신 숫자를 쓰면 적분은 합이 됩니다. 픽셀의 합성곱은 바로 이것입니다.',
  ],
  try: [
    'Drag the orange curve over the blue one and watch the area.',
    '주황색 곡선을 파란색 곡선 위로 끌면서 넓이를 살펴보세요.',
  ],
  figure: [
    'f and the reversed, shifted g; their product and its area; the result for every t',
    'f와 뒤집어 옮긴 g, 둘의 곱과 넓이, 모든 t에 대한 결과',
  ],
  fAndG: ['f(a) and g(t − a)', 'f(a)와 g(t − a)'],
  product: ['the product f(a) · g(t − a); its area is the result', '곱 f(a) · g(t − a), 이 넓이가 결과'],
  result: ['(f ∗ g)(t) for every t', '모든 t에 대한 (f ∗ g)(t)'],
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
    'Watch the dot on the lowest curve: it must stand on its highest point.',
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
