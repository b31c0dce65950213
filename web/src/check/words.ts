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
