// Copying text that the page shows.

/** Put the text of an element on the clipboard, or select it where the browser gives the page none; whether it was copied. */
export async function copyText(shown: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(shown.textContent)
    return true
  } catch {
    getSelection()?.selectAllChildren(shown)
    return false
  }
}
