// Every word of the report page, English and Korean.

export const words = {
  titleEvaluation: ['Evaluation report', '평가 보고서'],
  titleTraining: ['Training report', '학습 보고서'],
  overview: ['Overview', '개요'],
  training: ['Training', '학습 과정'],
  classes: ['Classes', '클래스'],
  tableOf: ['{title}: table', '{title} 표'],
  confusion: ['Confusion', '혼동 행렬'],
  confusionMatrix: ['Confusion matrix', '혼동 행렬'],
  calibration: ['Calibration', '보정'],
  selective: ['Selective prediction', '선택적 예측'],
  errors: ['Errors', '오류'],
  errorAnalysis: ['Error analysis', '오류 분석'],
  slices: ['Slices', '슬라이스'],
  robustness: ['Robustness', '강건성'],
  network: ['Network', '신경망'],
  recipe: ['Recipe', '학습 설정'],
  data: ['Data', '데이터'],

  accuracy: ['Accuracy', '정확도'],
  exactMatch: ['Exact match', '완전 일치율'],
  interval: ['95 % interval', '95 % 신뢰구간'],
  to: ['to', '–'],
  scoredTest: ['test set (n={n})', '테스트 세트 (n={n})'],
  scoredVal: ['validation set (n={n})', '검증 세트 (n={n})'],
  scoredTrain: ['training set (n={n})', '학습 세트 (n={n})'],
  scoredAll: ['all images (n={n})', '모든 이미지 (n={n})'],
  scoredUnseen: ['images not used in training (n={n})', '학습에 쓰이지 않은 이미지 (n={n})'],
  balancedAccuracy: ['Balanced accuracy', '균형 정확도'],
  macroF1: ['Macro F1', '매크로 F1'],
  undefinedMatthews: [
    'undefined: all images or all predictions are of one class',
    '정의되지 않음: 모든 이미지 또는 모든 예측이 한 클래스입니다',
  ],
  undefinedMean: ['undefined: no image has a label', '정의되지 않음: 라벨이 있는 이미지가 없습니다'],
  matthews: ['Matthews correlation', '매튜스 상관계수'],
  topK: ['Top-{k} accuracy', 'Top-{k} 정확도'],
  nll: ['Log loss', '로그 손실'],
  brier: ['Brier score', '브라이어 점수'],
  ece: ['Expected calibration error', '기대 보정 오차(ECE)'],
  hammingScore: ['Hamming score', '해밍 점수'],
  inferenceTime: ['Inference time per image', '이미지당 추론 시간'],
  milliseconds: ['ms', 'ms'],
  bootstrapImages: ['Intervals: bootstrap over images.', '신뢰구간: 이미지 단위 부트스트랩.'],
  bootstrapGroups: ['Intervals: bootstrap over {n} groups.', '신뢰구간: {n}개 그룹 단위 부트스트랩.'],
  exactIntervals: [
    'Exact intervals (Clopper-Pearson; gamma for averages over classes), because fewer than 30 predictions ' +
      'are correct or wrong: {names}.',
    '정답 또는 오답이 30개 미만이어서 정확 신뢰구간(클로퍼-피어슨, 클래스 평균은 감마)을 사용한 지표: {names}.',
  ],

  noteTraining: [
    'Scored on the validation set, on which the epoch, the temperature and the thresholds were chosen; the scores ' +
      'are slightly too high. foveal evaluate scores the test set.',
    '에포크, 온도, 임계값을 선택한 검증 세트의 점수이므로 실제보다 조금 높습니다. 테스트 세트는 foveal evaluate로 평가합니다.',
  ],
  noteFew: [
    'Only n={n} images were scored: the intervals are wide, and small differences are not significant.',
    '평가한 이미지가 {n}장뿐이어서 신뢰구간이 넓고, 작은 차이는 유의하지 않습니다.',
  ],
  noteUnfinished: ['The training of this model was not finished.', '이 모델의 학습은 완료되지 않았습니다.'],
  noteLeftOut: [
    'Images left out because the model was fitted on them: {n}.',
    '모델 학습에 사용되어 제외한 이미지: {n}장.',
  ],
  noteUsedInTraining: [
    'Scored images that were used in training: {n}. The scores are too high.',
    '평가한 이미지 중 {n}장이 학습에 사용되어 점수가 실제보다 높습니다.',
  ],
  noteMissing: ['Classes without an image: {names}', '이미지가 없는 클래스: {names}'],
  noteIgnored: ['Unknown classes that were left out: {names}', '모델에 없는 클래스라 제외함: {names}'],
  noteUnusable: ['Images that could not be read: {n}.', '읽을 수 없는 이미지: {n}장.'],
  noteThumbnails: [
    'To keep this page below 20 MB, thumbnails are included for {shown} of {of} images, errors first.',
    '페이지 크기를 20 MB 아래로 유지하기 위해 {of}장 중 {shown}장의 썸네일만 넣었습니다(오답 우선).',
  ],

  trainingLead: ['Loss and accuracy per epoch.', '에포크별 손실과 정확도입니다.'],
  trainingStagesLead: [
    'The run started from learned weights: its output layer was fitted to their features first.',
    '이미 학습된 가중치에서 시작했습니다. 먼저 그 특징에 맞추어 출력층을 적합했습니다.',
  ],
  stage: ['Stage', '단계'],
  stageHead: ['output layer fitted to features', '특징에 출력층 적합'],
  stageTraining: ['fine-tuning, {n} epochs', '미세 조정, {n}에포크'],
  stageTrainingOne: ['fine-tuning, 1 epoch', '미세 조정, 1에포크'],
  bestValAccuracy: ['Best validation accuracy', '최고 검증 정확도'],
  inModelFile: ['in the model file', '모델 파일에 저장됨'],
  loss: ['Loss', '손실'],
  epoch: ['Epoch', '에포크'],
  train: ['train', '학습'],
  val: ['validation', '검증'],
  asTable: ['Show as a table', '표로 보기'],

  classesLead: [
    'Precision: share of the predictions of this class that are correct. Recall: share of its images that are ' +
      'predicted as it.',
    '정밀도: 이 클래스로 예측한 것 중 맞은 비율. 재현율: 이 클래스의 이미지 중 이 클래스로 예측한 비율.',
  ],
  class: ['Class', '클래스'],
  precision: ['Precision', '정밀도'],
  recall: ['Recall', '재현율'],
  f1: ['F1', 'F1'],
  rocAuc: ['ROC AUC', 'ROC AUC'],
  averagePrecision: ['Avg. precision', '평균 정밀도(AP)'],
  support: ['Images', '이미지 수'],
  sortBy: ['Sort by {name}', '{name} 기준 정렬'],

  confusionLead: [
    'Rows are true classes, columns predicted classes. Select a cell to see its images.',
    '행은 실제 클래스, 열은 예측 클래스입니다. 칸을 선택하면 이미지가 보입니다.',
  ],
  confusionMulti: [
    'True positives, false negatives and false positives of each label.',
    '라벨별 참 양성, 거짓 음성, 거짓 양성의 수입니다.',
  ],
  confusionMany: [
    'The {n} classes with the most errors, of {of}.',
    '전체 {of}개 중 오답이 가장 많은 {n}개 클래스입니다.',
  ],
  trueClass: ['True class', '실제 클래스'],
  predictedClass: ['Predicted class', '예측 클래스'],
  cell: ['True {true}, predicted {predicted}: {n}', '실제 {true}, 예측 {predicted}: 이미지 수 {n}'],
  truePositives: ['True positives', '참 양성'],
  falseNegatives: ['False negatives', '거짓 음성'],
  falsePositives: ['False positives', '거짓 양성'],
  confusedPairs: ['Most confused classes', '가장 많이 혼동한 클래스'],
  predictedAs: ['predicted as', '→'],
  close: ['Close', '닫기'],
  more: ['Show {n} more', '{n}장 더 보기'],
  noImages: ['No images.', '이미지가 없습니다.'],

  calibrationLead: [
    'Accuracy by predicted probability. On the diagonal probabilities are calibrated; below it the model is ' +
      'overconfident.',
    '예측 확률에 따른 정확도입니다. 대각선에 가까울수록 잘 보정된 것이고, 그 아래는 과신(overconfident)입니다.',
  ],
  probability: ['Predicted probability', '예측 확률'],
  observedAccuracy: ['Observed accuracy', '실제 정확도'],
  calibrated: ['Temperature {t}', '온도 {t} 적용'],
  uncalibrated: ['Without temperature scaling', '온도 보정 없음'],
  bin: ['Range', '구간'],
  predictions: ['Predictions', '예측 수'],

  selectiveLead: [
    'Accuracy if the model abstains below a probability threshold. Move the slider to change the coverage.',
    '확률이 임계값보다 낮으면 예측을 보류할 때의 정확도입니다. 슬라이더로 커버리지를 바꿔 보세요.',
  ],
  threshold: ['Threshold', '임계값'],
  coverage: ['Coverage', '커버리지'],
  selectiveAccuracy: ['Accuracy of these', '예측한 것의 정확도'],
  lowerBound: ['Lower bound (95 %)', '하한(95 %)'],
  storedThreshold: [
    'This model abstains below {t}; its coverage here is {c}.',
    '이 모델은 확률이 {t}보다 낮으면 예측을 보류합니다. 여기서의 커버리지는 {c}입니다.',
  ],
  operatingPoint: [
    'Class “{label}” is predicted from {p} on: recall {r}, precision {q}.',
    '“{label}” 클래스는 확률 {p}부터 예측합니다: 재현율 {r}, 정밀도 {q}.',
  ],
  outOfDistribution: ['Out-of-distribution images', '분포 외 이미지'],
  rejected: [
    '{a} of {n} images of no known class are rejected.',
    '알려진 클래스가 아닌 이미지 {n}장 중 {a}를 거부합니다.',
  ],
  noThreshold: [
    'The model has no abstention threshold, so that none of {n} out-of-distribution images is rejected.',
    '보류 임계값이 없어 분포 외 이미지 {n}장 중 거부되는 것이 없습니다.',
  ],

  worstErrors: ['Worst errors', '가장 큰 오류'],
  worstErrorsLead: [
    'Wrong predictions, lowest probability of the true class first.',
    '오답을 실제 클래스의 예측 확률이 낮은 것부터 보여 줍니다.',
  ],
  nearestTraining: ['Nearest training images', '가장 비슷한 학습 이미지'],
  nearestTrainingLead: [
    'For each of the worst errors, the training images that are nearest to it for the model (cosine distance of ' +
      'embeddings), of {n} searched. Look for wrong labels and for classes that overlap.',
    '가장 큰 오류마다 모델에게 가장 비슷한 학습 이미지입니다(임베딩의 코사인 거리, {n}장 중). ' +
      '라벨 오류와 겹치는 클래스를 살펴보세요.',
  ],
  labelIssues: ['Possible label errors', '라벨 오류 의심'],
  labelIssuesLead: [
    'The model predicts another class with at least its usual confidence for that class (confident learning). ' +
      'Check the label.',
    '모델이 다른 클래스를 그 클래스의 평소 확신도 이상으로 예측한 이미지입니다(confident learning). 라벨을 확인하세요.',
  ],
  suggested: ['possibly {name}', '{name}일 수 있음'],
  exemplars: ['Correct predictions of a class', '클래스별 정답 예시'],
  mostConfident: ['Most confident', '확신도가 가장 높은 예'],
  typical: ['Typical (median confidence)', '전형적인 예(확신도 중앙값)'],
  none: ['None.', '없습니다.'],

  slicesLead: ['Accuracy on subsets of the images, lowest first.', '이미지 부분집합별 정확도입니다. 낮은 것부터.'],
  attribute: ['Attribute', '속성'],
  value: ['Value', '값'],
  size: ['shorter side (px)', '짧은 변(px)'],
  aspect: ['aspect ratio (width / height)', '가로세로비(가로/세로)'],
  brightness: ['brightness (0–1)', '밝기(0–1)'],
  contrast: ['contrast', '대비'],
  blur: ['Gaussian blur', '가우시안 블러'],
  noise: ['Gaussian noise', '가우시안 노이즈'],
  jpeg: ['JPEG compression', 'JPEG 압축'],
  shift: ['shift', '이동'],
  brightnessFactor: ['brightness', '밝기'],

  robustnessLead: [
    'Accuracy on n={n} images under corruption. Without corruption it is {a}.',
    '이미지 {n}장을 변형했을 때의 정확도입니다. 변형 전 정확도는 {a}입니다.',
  ],
  corruption: ['Corruption', '변형'],
  severity: ['Severity', '강도'],
  consistency: ['Same prediction', '예측 일치율'],
  poolingTitle: ['Pooling and small shifts', '풀링과 작은 이동'],
  poolingLead: [
    'Relative change of the feature maps when the image moves by 1, 2 or 3 pixels: before → after each pooling layer.',
    '이미지가 1, 2, 3픽셀 이동할 때 특징 맵의 상대적 변화: 각 풀링 층의 앞 → 뒤.',
  ],
  layer: ['Layer', '층'],

  networkLead: [
    '{w} weights (biases included), {m} multiply-adds per image, input {i}.',
    '가중치 {w}개(편향 포함), 이미지당 곱셈-덧셈 {m}번, 입력 {i}.',
  ],
  kind: ['Kind', '종류'],
  output: ['Output', '출력'],
  weights: ['Weights', '가중치'],
  multiplyAdds: ['Multiply-adds', '곱셈-덧셈'],
  receptiveField: ['Receptive field', '수용 영역'],

  recipeLead: ['Hyper-parameters of the training.', '학습 하이퍼파라미터입니다.'],
  dataLead: ['Training data, versions and preprocessing.', '학습 데이터, 버전, 전처리입니다.'],
  unusable: ['Images that could not be read', '읽을 수 없는 이미지'],
  path: ['Path', '경로'],
  reason: ['Reason', '이유'],
  footer: [
    'Made by Foveal. This page is one file and makes no network requests.',
    'Foveal이 만들었습니다. 이 페이지는 파일 하나이며 네트워크 요청을 하지 않습니다.',
  ],
} as const satisfies Record<string, readonly [string, string]>
