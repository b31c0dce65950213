// What the search page says, in English and Korean.

export const words = {
  title: ['Hyper-parameter search on {name}', '{name} 하이퍼파라미터 탐색'],
  summary: [
    '{trials} trials: {complete} complete, {pruned} ended early, {failed} failed. They were compared on the same ' +
      '{images} validation images; test images were never used.',
    '시도 {trials}회: 완료 {complete}회, 조기 종료 {pruned}회, 실패 {failed}회. 모두 같은 검증 이미지 {images}장으로 ' +
      '비교했으며 테스트 이미지는 한 번도 쓰지 않았습니다.',
  ],
  result: ['Result', '결과'],
  refit: ['Refit', '최종 학습'],
  refitDefault: ['Foveal’s own values, {minutes} minutes', 'Foveal 기본값, {minutes}분'],
  refitTrial: ['values of trial {n}, {minutes} minutes', '시도 {n}의 값, {minutes}분'],
  refitReport: ['Its report', '학습 보고서'],
  refitKept: [
    'The refit took Foveal’s own values: the gain to be expected of the best trial is within its standard error.',
    '가장 좋은 시도의 기대 향상이 표준 오차를 넘지 않아 최종 학습에는 Foveal 기본값을 썼습니다.',
  ],
  best: ['Best trial', '가장 좋은 시도'],
  default: ["Foveal's own values", 'Foveal 기본값'],
  expected: ['Gain to be expected', '기대되는 향상'],
  trialNumber: ['trial {n}', '시도 {n}'],
  points: ['{value} points', '{value}%p'],
  interval: ['{low} to {high} over random halves', '무작위 절반에 따라 {low} ~ {high}'],
  notEstimated: ['val is too small to estimate it', '검증 세트가 작아 추정할 수 없음'],
  gainKorean: [
    '',
    '시도 {n}의 검증 정확도(n={images})는 Foveal이 정한 값보다 {shown}%p 높습니다. 다만 선택에 쓰지 않은 이미지에서는 ' +
      '{gain}%p 향상을 기대할 수 있습니다(검증 세트를 무작위로 반씩 나누면 {low} ~ {high}). 여러 시도 중 최고를 고르면 ' +
      '그 점수는 실제보다 높게 나옵니다.',
  ],
  gainSmallKorean: [
    '',
    '시도 {n}의 검증 정확도(n={images})는 Foveal이 정한 값보다 {shown}%p 높습니다. 검증 세트가 작아 그중 얼마가 우연인지는 ' +
      '알 수 없습니다.',
  ],
  noGainKorean: ['', 'Foveal이 정한 값보다 검증 정확도가 높은 시도가 없었습니다. 따라서 기본값이 결과입니다.'],
  selectionLabel: [
    'Gain over Foveal’s own values in points: {shown} on val, {gain} to be expected, {low} to {high} over halves of val',
    'Foveal 기본값 대비 향상(%p): 검증 세트 {shown}, 기대값 {gain}, 검증 세트를 반씩 나누었을 때 {low} ~ {high}',
  ],
  onVal: ['on val, where it was chosen', '선택에 쓴 검증 세트'],
  onOthers: ['on images that did not choose', '선택에 쓰지 않은 이미지'],
  changed: ['What the best trial does otherwise', '가장 좋은 시도의 값'],
  key: ['Hyper-parameter', '하이퍼파라미터'],
  again: ['The line that trains it again', '같은 학습을 다시 실행하는 명령'],
  importances: ['What mattered', '중요도'],
  importancesLead: [
    'Share of the variance of validation accuracy among complete trials that each hyper-parameter explains (fANOVA).',
    '완료된 시도의 검증 정확도 분산 가운데 각 하이퍼파라미터가 설명하는 비율입니다(fANOVA).',
  ],
  noImportances: [
    'Not computed: this needs eight complete trials whose accuracies differ.',
    '계산하지 않았습니다. 정확도가 서로 다른 완료된 시도가 8회 이상 필요합니다.',
  ],
  share: ['Share', '비율'],
  curves: ['Curves of the trials', '시도별 학습 곡선'],
  curvesLead: [
    'Validation accuracy after each epoch, over seconds of training. A trial that is below the median of the others ' +
      'is ended early.',
    '학습 시간(초)에 따른 에포크별 검증 정확도입니다. 다른 시도의 중앙값보다 낮은 시도는 조기 종료됩니다.',
  ],
  noCurves: ['The logs of the trials are not on this machine.', '이 컴퓨터에는 시도의 로그가 없습니다.'],
  seconds: ['seconds of training', '학습 시간(초)'],
  valAccuracy: ['Validation accuracy', '검증 정확도'],
  parallel: ['Parallel coordinates', '평행 좌표'],
  parallelLead: [
    'Each line is a trial: its values from left to right, its validation accuracy at the end.',
    '선 하나가 시도 하나입니다. 왼쪽부터 하이퍼파라미터 값이고, 오른쪽 끝이 검증 정확도입니다.',
  ],
  parallelLabel: [
    'Values and validation accuracy of {n} trials; the table of trials has the numbers',
    '시도 {n}회의 값과 검증 정확도. 수치는 시도 표에 있습니다',
  ],
  curvesLabel: ['Validation accuracy over training time of {n} trials', '시도 {n}회의 학습 시간에 따른 검증 정확도'],
  legendSelected: ['selected', '선택한 시도'],
  legendDefault: ['Foveal’s own values', 'Foveal 기본값'],
  legendComplete: ['complete', '완료'],
  legendPruned: ['ended early', '조기 종료'],
  trials: ['Trials', '시도'],
  trialsLead: [
    'Choose a trial, with the arrow keys too, to see its lines above.',
    '시도를 선택하면(화살표 키도 가능) 위 그림에서 그 선이 강조됩니다.',
  ],
  trial: ['Trial', '시도'],
  state: ['State', '상태'],
  complete: ['complete', '완료'],
  pruned: ['ended early', '조기 종료'],
  failed: ['failed', '실패'],
  running: ['running', '진행 중'],
  waiting: ['waiting', '대기 중'],
} as const
