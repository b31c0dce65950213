// What the check page says, in English and Korean.

export const words = {
  title: ['Check of {name}', '{name} 검사'],
  summary: [
    '{images} usable images in {classes} classes, {unusable} unusable. Nothing was changed.',
    '사용할 수 있는 이미지 {images}장, 클래스 {classes}개, 사용할 수 없는 파일 {unusable}개. 아무것도 바꾸지 않았습니다.',
  ],
  findings: ['Findings', '발견 사항'],
  nothing: ['No findings.', '발견 사항이 없습니다.'],
  classes: ['Images per class', '클래스별 이미지 수'],
  splits: ['Images per split', '분할별 이미지 수'],
  class: ['Class', '클래스'],
  split: ['Split', '분할'],
  images: ['Images', '이미지'],
  error: ['error', '오류'],
  warning: ['warning', '경고'],
  info: ['info', '정보'],
  unreadable: ['no image', '이미지 없음'],
  more: ['and {n} more', '외 {n}개'],
} as const

/** Findings from embeddings in Korean: title and advice. The others are in English. */
export const koreanFindings: Record<string, readonly [title: string, advice: string]> = {
  label_errors: [
    '라벨 오류 의심',
    '다른 클래스처럼 보이는 이미지이므로 라벨이 잘못되었을 수 있습니다. 가능성이 높은 것부터 보여 줍니다. ' +
      '맞는 라벨도 섞여 있을 수 있으니 하나씩 확인하고 고치거나 그대로 두세요.',
  ],
  similar_images: [
    '비슷한 이미지',
    '픽셀은 다르지만 신경망에는 거의 같은 이미지입니다(다르게 잘랐거나, 좌우로 뒤집었거나, 잇달아 찍은 사진). ' +
      "함께 속하는 이미지에 같은 'group'을 지정하면 학습과 테스트에 나뉘어 들어가지 않습니다.",
  ],
  unlike_others: ['다른 이미지와 동떨어진 이미지', '먼 것부터 보여 줍니다. 이 데이터에 속하는 이미지인지 확인하세요.'],
}
