// The texts of the page, in English and Korean.

export const words = {
  title: ['Classify an image', '이미지 분류'],
  hint: [
    'or paste one; it is sent to this server only and not stored',
    '또는 붙여 넣으세요. 이미지는 이 서버로만 전송되고 저장되지 않습니다',
  ],
  model: ['Model', '모델'],
  token: ['Access token', '접근 토큰'],
  tokenHint: [
    'This server requires a token. It is kept in this page only.',
    '이 서버는 토큰을 요구합니다. 토큰은 이 페이지에만 보관됩니다.',
  ],
  predicting: ['Predicting…', '예측 중…'],
  image: ['The image that was sent', '전송한 이미지'],
  error: ['Error: {reason}', '오류: {reason}'],
  unreachable: ['the server cannot be reached', '서버에 연결할 수 없습니다'],
  tooLarge: ['the image is larger than {mb} MB', '이미지가 {mb} MB보다 큽니다'],
  explain: ['Explain this prediction', '예측 설명'],
  explaining: ['Explaining…', '설명을 만드는 중…'],
  openExplanation: ['Open the explanation', '설명 열기'],
} as const
