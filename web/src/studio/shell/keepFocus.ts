// Keeps the place of the keyboard: what had the focus may go, and the focus goes to what stands nearest.

const FOCUSABLE =
  'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), summary, [tabindex="0"]'

const isShown = (element: Element): element is HTMLElement =>
  element instanceof HTMLElement && element.checkVisibility()

/** What can have the focus in an element, itself first; without what has a tabindex of -1. */
function focusables(root: Element): HTMLElement[] {
  const found = [...root.querySelectorAll(FOCUSABLE)]
  return (root.matches(FOCUSABLE) ? [root, ...found] : found).filter(
    (one) => isShown(one) && one.getAttribute('tabindex') !== '-1',
  ) as HTMLElement[]
}

/**
 * A function that gives the focus, where nothing has it, to the element, or where that is gone to what stands
 * nearest in the same part of the page; nothing happens where that part is empty, such as while it loads.
 */
export function placeOf(element: Element): () => void {
  const above: { parent: Element; index: number }[] = []
  for (let child = element; child.parentElement; child = child.parentElement)
    above.push({ parent: child.parentElement, index: [...child.parentElement.children].indexOf(child) })

  function nearest(): HTMLElement | undefined {
    for (const { parent, index } of above) {
      if (!parent.isConnected || !isShown(parent)) continue
      const children = [...parent.children]
      const after = children.slice(index).flatMap(focusables)
      const found = after[0] ?? children.slice(0, index).flatMap(focusables).at(-1)
      if (found || parent.matches('main, dialog')) return found
    }
    return undefined
  }

  return () => {
    if (document.activeElement !== document.body) return
    if (element.isConnected && isShown(element)) element.focus()
    if (document.activeElement === document.body) nearest()?.focus()
  }
}

/**
 * Follow the focus of the page: where its element is removed, hidden or disabled while the keyboard is used, the
 * focus is given to what stands nearest; a disabled one has it again once it is enabled.
 */
export function keepFocus(): () => void {
  let keyboard = false
  let last: Element | undefined
  let back = (): void => undefined
  let backToMain = (): void => undefined
  let planned = 0

  function remember(event: FocusEvent): void {
    if (!(event.target instanceof HTMLElement) || event.target === document.body) return
    last = event.target
    const inMain = last.closest('main') !== null
    back = inMain || last.closest('dialog') ? placeOf(last) : (): void => backToMain()
    if (inMain) backToMain = back
  }
  function look(): void {
    planned = 0
    const waits = last?.isConnected && last.matches(':disabled')
    if (keyboard && !waits) back()
  }
  const observer = new MutationObserver(() => {
    planned ||= window.setTimeout(look) // after what the component itself does
  })
  const onkey = (): void => void (keyboard = true)
  const onpointer = (): void => void (keyboard = false)
  observer.observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ['disabled'] })
  document.addEventListener('focusin', remember)
  document.addEventListener('keydown', onkey, true)
  document.addEventListener('pointerdown', onpointer, true)
  return () => {
    clearTimeout(planned)
    observer.disconnect()
    document.removeEventListener('focusin', remember)
    document.removeEventListener('keydown', onkey, true)
    document.removeEventListener('pointerdown', onpointer, true)
  }
}
