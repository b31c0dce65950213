// Light or dark: the system's setting until the reader chooses, or what the page was sent with.

const system = window.matchMedia('(prefers-color-scheme: dark)')

const root = document.documentElement

export const theme = $state<{ dark: boolean }>({
  dark: root.dataset.theme ? root.dataset.theme === 'dark' : system.matches,
})

system.addEventListener('change', (event) => {
  if (!root.dataset.theme) theme.dark = event.matches
})

/** Set light or dark for this page, instead of the system's setting. */
export function chooseTheme(dark: boolean): void {
  theme.dark = dark
  root.dataset.theme = dark ? 'dark' : 'light'
}

/** The value of a CSS custom property now, for canvas drawings. */
export function cssColour(name: string): string {
  return getComputedStyle(root).getPropertyValue(name).trim()
}
