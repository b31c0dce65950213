// The learn page in a real browser: node learn.mjs PAGE IMAGE PART; prints what the page shows as JSON.
import { readFileSync } from 'node:fs'
import { axeFaults, holds, onPage, same } from '../../web/tests/browser.mjs'

const [file, image, part] = process.argv.slice(2)
const readings = {}

const open = async (page, id) => {
  await page.evaluate((hash) => (location.hash = hash), `#${id}`)
  await page.waitForFunction(
    (hash) => document.querySelector(`nav a[href="#${hash}"][aria-current]`),
    id.split('/').at(-1),
  )
}
const set = (page, id, value) =>
  page.locator(`#set-${id}`).evaluate((input, to) => {
    input.value = String(to)
    input.dispatchEvent(new Event('input', { bubbles: true }))
  }, value)
const choose = (page, id, value) => page.click(`#set-${id} [data-value="${value}"]`)
const kernel = async (page, values) => {
  for (const [i, value] of values.entries()) {
    await page.fill(`[data-cell="${i}"]`, String(value))
    await page.locator(`[data-cell="${i}"]`).blur()
  }
}
const cells = (page, name) =>
  page.$$eval(`[data-cells="${name}"] rect`, (nodes) => nodes.map((node) => Number(node.dataset.v)))
const value = async (page, selector, name = 'value') =>
  Number(await page.locator(selector).first().getAttribute(`data-${name}`))

async function check(page, number, answer) {
  const task = page.locator(`[data-task="${number}"]`)
  if (answer !== undefined) {
    if (await task.locator('select').count()) await task.locator('select').selectOption(answer)
    else await task.locator('input').fill(answer)
  }
  await task.locator('button[type=submit]').click()
  return task.locator('[data-verdict]').getAttribute('data-verdict')
}

/** For each chapter, for each task: [a wrong try, a right try]; a try is an answer or what to do before. */
const trained = (page) =>
  page.waitForFunction(() => document.querySelector('[data-running]')?.dataset.running === 'false', null, {
    timeout: 200_000,
  })
const solutions = {
  image: [
    ['x', async (page) => String((await cells(page, 'pixels'))[35])],
    [null, async (page) => (await set(page, 'row', 0), await set(page, 'column', 0), await set(page, 'value', 16))],
    ['64', '192'],
  ],
  signal: [
    [null, (page) => set(page, 'shift', 3)],
    ['2', '1'],
    ['4', '5'],
  ],
  convolution: [
    [null, (page) => kernel(page, [1, 1, 1, 0, 0, 0, -1, -1, -1])],
    [
      (page) => set(page, 'position', 0),
      async (page) => {
        const map = await cells(page, 'map')
        await set(page, 'position', map.indexOf(Math.max(...map)))
      },
    ],
    ['36', '324'],
  ],
  flip: [
    [null, (page) => kernel(page, [1, 2, 3, 4, 5, 4, 3, 2, 1])],
    ['0', '1'],
    ['1', '3'],
  ],
  'feature-maps': [
    [null, (page) => set(page, 'count', 6)],
    ['72', '80'],
    ['1,152', '1,168'],
  ],
  activation: [
    ['-3', '0'],
    [null, (page) => choose(page, 'between', 'relu')],
    ['10', '9'],
  ],
  'receptive-field': [
    [null, (page) => set(page, 'layers', 3)],
    [null, async (page) => choose(page, 'stride', 2)],
    ['25', '18'],
  ],
  padding: [
    [null, (page) => choose(page, 'kernel', 5)],
    [null, (page) => set(page, 'padding', 2)],
    ['9', '4'],
  ],
  stride: [
    [null, (page) => set(page, 'stride', 2)],
    ['32', '16'],
    [null, (page) => set(page, 'stride', 4)],
  ],
  pooling: [
    [null, async (page) => (await set(page, 'size', 4), await set(page, 'stride', 4))],
    [null, (page) => set(page, 'shift', 1)],
    ['4', '0'],
  ],
  flatten: [
    ['25', '21'],
    [null, (page) => set(page, 'neuron', 3)],
    ['4096', '4128'],
  ],
  output: [
    [null, async (page) => (await set(page, 'class', 0), await set(page, 'change', 15))],
    ['1', '0,5'],
    ['0', '1'],
  ],
  loss: [
    ['1', '0'],
    [null, async (page) => (await set(page, 'rate', 1.4), await times(60, () => page.click('#step')))],
    ['2.05', '1.95'],
    [null, async (page) => times(5, () => page.click('#all-steps'))],
    [
      null,
      async (page) => (await set(page, 'all-rate', 2), await page.click('#all-reset'), await page.click('#all-step')),
    ],
  ],
  weights: [
    [
      null,
      async (page) => {
        for (const [i, learned] of [true, false, false, true, false, false, true, false].entries())
          await page.check(`[data-item="${i}"][data-learned="${learned}"]`)
      },
    ],
    [null, (page) => set(page, 'second', 4)],
    ['144', '160'],
  ],
  overfitting: [
    [null, async (page) => (await set(page, 'epochs', 100), await page.click('#train'), await trained(page))],
    [
      null,
      async (page) => (
        await set(page, 'amount', 6),
        await set(page, 'epochs', 15),
        await page.click('#train'),
        await trained(page)
      ),
    ],
    ['2', '1'],
  ],
  network: [
    [null, async (page) => (await page.click('#train'), await trained(page), readTraining(page))],
    [
      null,
      async (page) => {
        for (let i = 0; i < 6; i++) await page.click('[data-remove="0"]')
        await page.click('#train')
        await trained(page)
      },
    ],
    [null, async (page) => (await page.click('#suggested'), await times(2, () => page.click('[data-add="max_pool"]')))],
  ],
}
async function times(n, act) {
  for (let i = 0; i < n; i++) await act()
}
async function readTraining(page) {
  readings.accuracy = await value(page, '#accuracy')
  readings.seconds = await value(page, '#status', 'seconds')
}

async function everyTaskIsSolvedWrongAndRight(page) {
  for (const [id, tasks] of Object.entries(solutions)) {
    await open(page, id)
    same(await page.locator('[data-task]').count(), tasks.length, `tasks of ${id}`)
    for (const [i, [wrong, right]] of tasks.entries()) {
      const number = i + 1
      const isState = typeof right === 'function' && wrong !== 'x'
      if (typeof wrong === 'function') await wrong(page)
      const first = await check(page, number, isState ? undefined : wrong)
      same(first, wrong === 'x' ? 'notNumber' : 'wrong', `${id} task ${number}, wrong try`)
      same(await page.locator(`[data-task="${number}"]`).getAttribute('data-solved'), 'false', `${id} ${number}`)
      const answer = typeof right === 'function' ? await right(page) : right
      const second = await check(page, number, typeof answer === 'string' ? answer : undefined)
      same(second, 'right', `${id} task ${number}, right try`)
    }
    holds((await page.locator('nav a[aria-current] [role=img]').count()) === 1, `${id} is not marked as solved`)
  }
}

async function readNumbers(page) {
  await open(page, 'image')
  readings.pixels = await cells(page, 'pixels')
  await open(page, 'signal')
  await choose(page, 'g', 'box')
  await set(page, 'shift', 1.5)
  readings.area = await value(page, '.formula b')
  await set(page, 'n', 4)
  readings.sum = await value(page, '[data-sum]', 'sum')
  await open(page, 'convolution')
  readings.convolution = await cells(page, 'map')
  await open(page, 'flip')
  readings.correlation = await cells(page, 'correlation')
  readings.flipped = await cells(page, 'convolution')
  await open(page, 'activation')
  readings.two = await cells(page, 'two')
  readings.one = await cells(page, 'one')
  readings.joined = await cells(page, 'joined')
  await open(page, 'padding')
  readings.padding = {}
  await set(page, 'padding', 2)
  for (const mode of ['constant', 'reflect', 'replicate', 'circular']) {
    await choose(page, 'mode', mode)
    if (mode === 'constant') await set(page, 'value', -5)
    readings.padding[mode] = await cells(page, 'input')
  }
  await open(page, 'stride')
  await set(page, 'stride', 2)
  await set(page, 'padding', 1)
  readings.stride = await cells(page, 'output')
  await open(page, 'pooling')
  readings.map = await cells(page, 'map')
  readings.max = await cells(page, 'pooled')
  await choose(page, 'kind', 'avg')
  await set(page, 'size', 3)
  readings.avg = await cells(page, 'pooled')
  await open(page, 'flatten')
  readings.weights = await cells(page, 'weights')
  readings.products = await cells(page, 'products')
  await open(page, 'output')
  readings.probabilities = await probabilities(page)
  readings.sigmoid = await value(page, '[data-sigmoid]', 'sigmoid')
}

async function theComposerChecksSizes(page) {
  await open(page, 'network')
  same(await value(page, '#total'), 9258, 'weights of the suggested network')
  readings.yaml = await page.locator('[data-file="network.yaml"]').innerText()
  readings.recipe = await page.locator('[data-file="recipe.yaml"]').innerText()
  // 5x5 without padding, pooled: the second convolution does not fit, and padding helps
  const fields = page.locator('[data-layer="conv"]').first()
  const slide = (name, to) =>
    fields.locator(`[data-field="${name}"]`).evaluate((input, v) => {
      input.value = String(v)
      input.dispatchEvent(new Event('input', { bubbles: true }))
    }, to)
  const padding = fields.locator('[data-field="padding"]')
  await slide('kernel', 7)
  await padding.selectOption('valid')
  same(await page.locator('li.broken[data-layer]').count(), 1, 'layers in red')
  holds(await page.locator('#train').isDisabled(), 'a broken network can be trained')
  const text = await page.locator('[role=alert]').first().innerText()
  holds(/Padding [123]/.test(text), `the message reads ${text}`)
  await page.click('[data-fix]')
  same(await page.locator('[role=alert]').count(), 0, 'messages after the padding is set')
  holds(!(await page.locator('#train').isDisabled()), 'the network cannot be trained')
  await page.click('#suggested')
  await padding.selectOption('sides')
  for (const [side, cells] of Object.entries({ top: 2, bottom: 0, left: 0, right: 3 })) {
    await fields.locator(`[data-side="${side}"]`).fill(String(cells))
    await fields.locator(`[data-side="${side}"]`).blur()
  }
  same(await fields.locator('[data-shape]').getAttribute('data-shape'), '16x8x9', 'maps padded by side')
  await fields.locator('[data-side="top"]').fill('-1')
  await fields.locator('[data-side="top"]').blur()
  same(await fields.locator('[data-side="top"]').inputValue(), '2', 'cells after a number that is none')
  await page.click('[data-add="batch_norm"]')
  await page.click('[data-add="dropout"]')
  same(
    await page.$$eval('[data-layer]', (all) => all.map((one) => one.dataset.layer)),
    'conv relu max_pool conv batch_norm relu max_pool flatten dense relu dropout'.split(' '),
    'layers after batch norm and dropout',
  )
  readings.padded = {
    yaml: await page.locator('[data-file="network.yaml"]').innerText(),
    weights: await value(page, '#total'),
  }
  await page.click('[data-add="flatten"]')
  await page.click('[data-add="conv"]')
  await page.click('#suggested')
  await page.locator('[data-layer="flatten"] [data-remove]').click()
  holds((await page.locator('[role=alert]').first().innerText()).includes('Add flatten'), 'no word of flatten')
  await page.click('#suggested')
}

async function aDrawingIsRecognised(page) {
  await page.click('#train')
  await page.locator('#draw').scrollIntoViewIfNeeded()
  const box = await page.locator('#draw').boundingBox()
  const at = (x, y) => [box.x + x * box.width, box.y + y * box.height]
  await page.mouse.move(...at(0.5, 0.12))
  await page.mouse.down()
  for (let y = 0.12; y <= 0.88; y += 0.04) await page.mouse.move(...at(0.5, y))
  await page.mouse.up()
  await trained(page)
  holds((await value(page, '#accuracy')) > 0.95, 'accuracy')
  same(await page.locator('#prediction').getAttribute('data-class'), '1', 'the class of a drawn stroke')
  await page.click('#draw-clear')
  await set(page, 'learning-rate', -1)
  await page.click('#train')
  await page.click('#stop')
  await trained(page)
}

async function figuresAndImages(page) {
  await open(page, 'padding')
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('[data-save="padding"]')])
  readings.svg = readFileSync(await download.path(), 'utf8')
  same(download.suggestedFilename(), 'padding.svg', 'name of the figure')
  await open(page, 'image')
  const before = await cells(page, 'pixels')
  await page.setInputFiles('#own-image', image)
  await page.waitForFunction(
    (old) => [...document.querySelectorAll('[data-cells="pixels"] rect')].map((n) => n.dataset.v).join() !== old,
    before.join(),
  )
  readings.own = await cells(page, 'pixels')
  await page.setInputFiles('#own-image', {
    name: 'no.png',
    mimeType: 'image/png',
    buffer: Buffer.from('no image'),
  })
  await page.waitForFunction(() => document.body.innerText.includes('The browser cannot read this file as an image.'))
  same(await cells(page, 'pixels'), readings.own, 'the image after a file that is none')
  await theOwnImageIsInEveryChapter(page, readings.own)
}

/** What each chapter makes of the sample: other than it was with the digit, wherever the reader goes. */
async function theOwnImageIsInEveryChapter(page, own) {
  for (const id of Object.keys(solutions)) {
    await open(page, id)
    same(await page.locator('[data-digit][aria-pressed=true]').count(), 0, `digits chosen in ${id}`)
    const mine = await drawn(page)
    await page.click('[data-digit="3"]')
    await page.waitForSelector('[data-digit="3"][aria-pressed=true]')
    holds(mine !== (await drawn(page)), `the figures of ${id} do not follow the image`)
    await page.setInputFiles('#own-image', [])
    await page.setInputFiles('#own-image', image)
    await page.waitForFunction(() => !document.querySelector('[data-digit][aria-pressed=true]'))
    same(await drawn(page), mine, `figures of ${id} with the own image`)
  }
  await open(page, 'loss')
  same(await cells(page, 'the image'), own, 'own image in the chapter on loss')
  await set(page, 'truth', 4)
  readings.imageLoss = await value(page, '[data-image-loss]', 'image-loss')
  await open(page, 'output')
  readings.imageProbabilities = await probabilities(page)
  await open(page, 'weights')
  await page.click('#learn')
  await page.waitForFunction(() => document.querySelector('#learned').innerText.length > 0)
  await open(page, 'overfitting')
  await page.click('#train')
  await trained(page)
  await page.waitForFunction(() => /Prediction/.test(document.querySelector('#prediction').innerText))
}
const probabilities = (page) =>
  page.$$eval('[data-probability]', (n) => n.map((one) => Number(one.dataset.probability)))
/** All figures and what is said of them, without the choice of the sample. */
const drawn = (page) =>
  page.$$eval('main .figure, main .both', (all) => all.map((one) => one.innerHTML).join())
async function progressIsKeptWhereAsked(page) {
  await open(page, 'pooling')
  same(await check(page, 3, '0'), 'right', 'task')
  same(await page.evaluate(() => localStorage.length), 0, 'kept without being asked')
  await page.check('#keep')
  await page.reload()
  await page.waitForSelector('[data-task="3"][data-solved="true"]')
  await page.uncheck('#keep')
  same(await page.evaluate(() => localStorage.length), 0, 'kept after it is no longer wanted')
}

async function theKeyboardIsEnough(page) {
  await open(page, 'stride')
  await page.locator('#set-stride').focus()
  await page.keyboard.press('ArrowRight')
  same(await value(page, '.formula b'), 3, 'side after the arrow key')
  await page.locator('[data-task="2"] input').focus()
  await page.keyboard.type('16')
  await page.keyboard.press('Enter')
  same(
    await page.locator('[data-task="2"] [data-verdict]').getAttribute('data-verdict'),
    'right',
    'verdict after Enter',
  )
}

async function everyChapterIsAccessible(page, ids, dark) {
  if (dark) await page.click('#theme')
  for (const id of ids) {
    await open(page, id)
    same(await axeFaults(page), [], `axe in ${id}`)
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    holds(wide <= 0, `${id} is ${wide} px wider than the screen`)
  }
}

const ids = [...Object.keys(solutions), 'tasks']
const parts = {
  tasks: () => onPage(file, everyTaskIsSolvedWrongAndRight),
  numbers: () => onPage(file, readNumbers),
  network: () => onPage(file, async (page) => (await theComposerChecksSizes(page), await aDrawingIsRecognised(page))),
  rest: () =>
    onPage(file, async (page) => {
      await figuresAndImages(page)
      await theKeyboardIsEnough(page)
      await progressIsKeptWhereAsked(page)
    }),
  wide: () => onPage(file, (page) => everyChapterIsAccessible(page, ids, false)),
  phone: () =>
    onPage(
      file,
      (page) =>
        everyChapterIsAccessible(
          page,
          ids.map((id) => `ko/${id}`),
          false,
        ),
      {
        viewport: { width: 390, height: 844 },
        colorScheme: 'dark',
        isMobile: true,
        hasTouch: true,
      },
    ),
}
await parts[part]()
console.log(JSON.stringify(readings))
