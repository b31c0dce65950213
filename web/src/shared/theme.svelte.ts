// Light or dark: the system's setting until the reader chooses; drawings follow it as well.

const system = window.matchMedia('(prefers-color-scheme: dark)')

export const theme = $state<{ dark: boolean }>({ dark: system.matches })

let chosen = false

system.addEventListener('change', (event) => {
  if (!chosen) theme.dark = event.matches
})

/** Set light or dark for this page, instead of the system's setting. */
export function chooseTheme(dark: boolean): void {
  chosen = true
  theme.dark = dark
  document.documentElement.dataset.theme = dark ? 'dark' : 'light'
}

/** The value of a CSS custom property now, for canvas drawings. */
export function cssColour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}
