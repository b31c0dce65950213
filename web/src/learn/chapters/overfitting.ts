export const overfittingWords = {
  title: ['Overfitting, and why there is a test set', '과적합, 그리고 테스트 세트가 필요한 이유'],
  about: ['Learning by heart is not learning', '외우는 것은 배우는 것이 아니다'],
  lead: [
    'A network with many weights can learn a few images by heart: it is right on all of them, and wrong on new ones. That is **overfitting**. Only images that were never trained on show how good a network really is.',
    '가중치가 많은 신경망은 이미지 몇 장을 통째로 외울 수 있습니다. 그러면 외운 이미지는 모두 맞히지만 새로운 이미지는 틀립니다. 이것이 **과적합**입니다. 학습에 쓰지 않은 이미지로 평가해야만 진짜 실력을 알 수 있습니다.',
  ],
  more: [
    'So data are split in three: **train** to learn from, **validation** to choose hyperparameters and the epoch, **test** to measure once at the end.',
    '그래서 데이터를 셋으로 나눕니다. **학습** 데이터로 배우고, **검증** 데이터로 하이퍼파라미터와 에포크를 고르고, **테스트** 데이터로 마지막에 한 번 측정합니다.',
  ],
  try: ['Train with few images, then with many.', '적은 이미지로 학습시켜 본 다음 많은 이미지로 학습시켜 보세요.'],
  images: ['Training images', '학습 이미지 수'],
  units: ['Neurons', '뉴런 수'],
  epochs: ['Epochs', '에포크'],
  train: ['Train', '학습 시작'],
  running: ['training…', '학습 중…'],
  result: [
    'after {e} epochs: {a} % of the training images, {b} % of unseen images',
    '에포크 {e}번 후: 학습 이미지 {a} %, 처음 보는 이미지 {b} %',
  ],
  gap: ['accuracy on training images − accuracy on unseen images', '학습 이미지 정확도 − 처음 보는 이미지 정확도'],
  curves: [
    'Loss and accuracy on training images and on unseen images',
    '학습 이미지와 처음 보는 이미지의 손실과 정확도',
  ],
  lossTitle: ['Loss', '손실'],
  accuracyTitle: ['Accuracy', '정확도'],
  trainLine: ['training', '학습'],
  testLine: ['unseen', '처음 보는 이미지'],
  optionTrain: ['training data', '학습 데이터'],
  optionVal: ['validation data', '검증 데이터'],
  optionTest: ['test data', '테스트 데이터'],
  task1: [
    'Overfit: at least 99 % on the training images, at most 85 % on unseen ones.',
    '과적합시키세요. 학습 이미지는 99 % 이상, 처음 보는 이미지는 85 % 이하로 만드세요.',
  ],
  hint1: ['Take the smallest number of images and many epochs.', '이미지 수를 가장 적게, 에포크를 많게 하세요.'],
  why1: [
    'The training accuracy alone would have told you it was nearly perfect.',
    '학습 정확도만 보았다면 거의 완벽하다고 생각했을 것입니다.',
  ],
  task2: ['Reach at least 93 % on unseen images.', '처음 보는 이미지에서 93 % 이상을 달성하세요.'],
  hint2: ['More images help more than anything else.', '이미지를 늘리는 것이 무엇보다 효과가 큽니다.'],
  why2: [
    'More data is the best remedy against overfitting.',
    '데이터를 늘리는 것이 과적합을 막는 가장 좋은 방법입니다.',
  ],
  task3: [
    'Which data may be used to choose the number of neurons?',
    '뉴런 수를 고를 때 써도 되는 데이터는 무엇인가요?',
  ],
  hint3: [
    'Not those the weights were learned from, and not those kept for the end.',
    '가중치를 학습한 데이터도, 마지막까지 남겨 둔 데이터도 아닙니다.',
  ],
  why3: [
    'Whoever chooses by the test data has trained on it.',
    '테스트 데이터를 보고 고르면 테스트 데이터로 학습한 것과 같습니다.',
  ],
} as const
