// The texts of the camera, in English and Korean.

export const cameraWords = {
  camera: ['Use the camera', '카메라 사용'],
  capture: ['Take a photo', '촬영'],
  stop: ['Close the camera', '카메라 닫기'],
  cameraError: ['The camera cannot be used: {reason}', '카메라를 사용할 수 없습니다: {reason}'],
  noCamera: [
    'this browser gives no camera to a page opened this way; choose an image instead',
    '이 브라우저는 이렇게 연 페이지에서 카메라를 쓰지 못합니다. 이미지를 선택하세요',
  ],
} as const
