// The findings of `foveal check` in Korean, for its page and for the studio.
import { language } from './i18n.svelte'

interface KoreanFinding {
  title: string
  advice: string
}

/** Of the kinds whose English sentence says the same whatever the images are. */
const korean: Record<string, readonly [title: string, advice: string]> = {
  unusable: [
    '사용할 수 없는 파일',
    '파일마다 표시된 이유로 사용할 수 없으며 학습에서 제외됩니다. 다른 파일로 바꾸거나 삭제하세요.',
  ],
  duplicates: [
    '중복 이미지',
    '픽셀이 같은 이미지가 두 번 이상 있습니다. 하나씩만 남기세요. Foveal이 만드는 분할에서는 서로 다른 쪽에 나뉘지 않습니다.',
  ],
  near_duplicates: [
    '거의 같은 이미지',
    '같은 이미지를 다시 인코딩하거나 크기를 바꾸거나 조금 잘라 낸 것입니다. 하나씩만 남기세요. Foveal이 만드는 분할에서는 서로 다른 쪽에 나뉘지 않습니다.',
  ],
  label_conflict: [
    '라벨이 서로 다른 같은 이미지',
    '같은 이미지에 서로 다른 라벨이 있습니다. 하나는 틀린 것이니 고치거나 삭제하세요.',
  ],
  leak: ['분할 사이의 누출', '같은 이미지가 두 분할에 들어 있어 점수가 실제보다 높게 나옵니다. train에서 삭제하세요.'],
  chain: [
    '이어지는 거의 같은 이미지',
    '각 이미지가 다음 이미지와 거의 같습니다(동영상의 프레임이나 같은 틀로 만든 이미지). 너무 많아 Foveal이 여러 분할에 나눌 수 있으니, 함께 속하는 이미지를 group으로 지정하세요.',
  ],
  label_errors: [
    '라벨 오류 의심',
    '다른 클래스처럼 보이는 이미지이므로 라벨이 잘못되었을 수 있습니다. 가능성이 높은 것부터 보여 줍니다. 맞는 라벨도 섞여 있을 수 있으니 하나씩 확인하고 고치거나 그대로 두세요.',
  ],
  similar_images: [
    '비슷한 이미지',
    '픽셀은 다르지만 신경망에는 거의 같은 이미지입니다(다르게 잘랐거나, 좌우로 뒤집었거나, 잇달아 찍은 사진). 함께 속하는 이미지에 같은 group을 지정하면 학습과 테스트에 나뉘어 들어가지 않습니다.',
  ],
  unlike_others: ['다른 이미지와 동떨어진 이미지', '먼 것부터 보여 줍니다. 이 데이터에 속하는 이미지인지 확인하세요.'],
  wrong_suffix: [
    '내용과 다른 확장자',
    '확장자가 실제 파일 형식과 다릅니다. 내용을 기준으로 읽으니 파일 이름을 고치세요.',
  ],
  blank: ['빈 이미지', '한 가지 색뿐이어서 배울 것이 없습니다. 의도한 것이 아니라면 삭제하세요.'],
  invisible: [
    '보이지 않는 그림',
    '배경과 같은 색으로 그려져 투명도로만 구별됩니다. 학습할 때 preprocess.background를 다른 색으로 지정하세요.',
  ],
  first_frame: [
    '프레임이 여럿인 파일',
    '한 파일에 프레임이나 페이지가 여럿 있고, 학습과 예측 모두 첫 번째만 사용합니다. 필요한 것은 따로 이미지로 저장하세요.',
  ],
  dark: ['어두운 이미지', '거의 전체가 검습니다. 알아볼 수 있는지 확인하세요.'],
  bright: ['밝은 이미지', '거의 전체가 흽니다. 알아볼 수 있는지 확인하세요.'],
  blurry: ['흐린 이미지', '다른 이미지보다 세부가 훨씬 적습니다. 알아볼 수 있는지 확인하세요.'],
  unusual_size: [
    '크기가 유별난 이미지',
    '대부분의 이미지보다 훨씬 작거나 큽니다(넓이가 4배 넘게 다르고 보통 범위를 벗어남). 작은 이미지에는 신경망의 입력보다 세부가 적습니다.',
  ],
  unusual_shape: [
    '비율이 유별난 이미지',
    "대부분의 이미지보다 훨씬 넓거나 깁니다. fit 'crop'은 가운데만 남기니 fit 'pad'를 고려하세요.",
  ],
  grey_among_coloured: ['컬러 속의 흑백 이미지', '모두 한 클래스가 아니라면 문제없습니다.'],
  coloured_among_grey: ['흑백 속의 컬러 이미지', '모두 한 클래스가 아니라면 문제없습니다.'],
}

/** Title and advice in Korean; undefined in another language, or where the English one names what no table knows. */
export function koreanFinding(kind: string): KoreanFinding | undefined {
  const found = language.current === 'ko' ? korean[kind] : undefined
  return found && { title: found[0], advice: found[1] }
}
