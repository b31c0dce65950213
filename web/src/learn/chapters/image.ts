export const imageWords = {
  title: ['An image is numbers', '이미지는 숫자다'],
  about: ['Pixels, brightness, channels', '픽셀, 밝기, 채널'],
  lead: [
    'A computer does not see a picture. It holds a table of numbers, one for each pixel. Here 0 is black and 16 is white; in most files the range is 0 to 255.',
    '컴퓨터는 그림을 보는 것이 아니라 픽셀마다 하나씩 숫자가 들어 있는 표를 가지고 있습니다. 여기서는 0이 검은색, 16이 흰색입니다. 보통의 이미지 파일에서는 0부터 255까지 씁니다.',
  ],
  more: [
    'A colour image holds three such tables, called channels: red, green and blue.',
    '컬러 이미지는 이런 표를 빨강, 초록, 파랑 세 장 가지고 있으며 각각을 채널이라고 합니다.',
  ],
  try: [
    'Choose a pixel and change its number. Rows and columns are counted from 0.',
    '픽셀을 하나 골라 숫자를 바꿔 보세요. 행과 열은 0부터 셉니다.',
  ],
  figure: ['The image and its numbers', '이미지와 그 숫자'],
  seen: ['image', '이미지'],
  numbers: ['the same image as numbers', '같은 이미지를 숫자로'],
  row: ['Row', '행'],
  column: ['Column', '열'],
  value: ['Brightness', '밝기'],
  size: ['{h} rows · {w} columns · 1 channel = {n} numbers', '{h}행 · {w}열 · 채널 1개 = 숫자 {n}개'],
  task1: ['Which number stands in row 4, column 3?', '4행 3열의 숫자는 무엇인가요?'],
  hint1: [
    'The first row is row 0: row 4 is the fifth from the top.',
    '맨 위가 0행이므로 4행은 위에서 다섯 번째입니다.',
  ],
  why1: [
    'Row first, then column: that order is used everywhere here.',
    '행을 먼저, 열을 나중에 씁니다. 이 순서는 앞으로도 같습니다.',
  ],
  task2: ['Make the pixel in row 0, column 0 white.', '0행 0열의 픽셀을 흰색으로 만드세요.'],
  hint2: ['Set row and column to 0 and the brightness to 16.', '행과 열을 0으로, 밝기를 16으로 맞추세요.'],
  why2: ['White is the largest number of the range.', '흰색은 범위에서 가장 큰 숫자입니다.'],
  task3: [
    'How many numbers does a colour image of 8 × 8 pixels hold?',
    '8 × 8 픽셀의 컬러 이미지는 숫자 몇 개로 이루어지나요?',
  ],
  hint3: ['Three channels of 8 × 8 numbers each.', '8 × 8개씩 채널이 세 개입니다.'],
  why3: ['8 · 8 · 3 = 192.', '8 · 8 · 3 = 192입니다.'],
} as const
