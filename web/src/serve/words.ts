// The texts of the page, in English and Korean.

export const words = {
  title: ['Classify an image', '이미지 분류'],
  drop: ['Drop an image here', '여기에 이미지를 놓으세요'],
  hint: [
    'or paste one; it is sent to this server only and not stored',
    '또는 붙여 넣으세요. 이미지는 이 서버로만 전송되고 저장되지 않습니다',
  ],
  choose: ['Choose an image', '이미지 선택'],
  model: ['Model', '모델'],
  token: ['Access token', '접근 토큰'],
  tokenHint: [
    'This server requires a token. It is kept in this page only.',
    '이 서버는 토큰을 요구합니다. 토큰은 이 페이지에만 보관됩니다.',
  ],
  predicting: ['Predicting…', '예측 중…'],
  prediction: ['Prediction', '예측'],
  abstained: [
    'The model abstains: its confidence is below the threshold.',
    '모델이 예측을 보류했습니다. 확신도가 임계값보다 낮습니다.',
  ],
  best: ['Most probable class:', '확률이 가장 높은 클래스:'],
  labels: ['Labels', '라벨'],
  noLabels: ['No label is above its threshold.', '임계값을 넘는 라벨이 없습니다.'],
  probability: ['Probability', '확률'],
  image: ['The image that was sent', '전송한 이미지'],
  time: ['{ms} ms', '{ms} ms'],
  error: ['Error: {reason}', '오류: {reason}'],
  unreachable: ['the server cannot be reached', '서버에 연결할 수 없습니다'],
  tooLarge: ['the image is larger than {mb} MB', '이미지가 {mb} MB보다 큽니다'],
  explain: ['Explain this prediction', '예측 설명'],
  explaining: ['Explaining…', '설명을 만드는 중…'],
  openExplanation: ['Open the explanation', '설명 열기'],
} as const
