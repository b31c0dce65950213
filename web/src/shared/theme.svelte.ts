// Light or dark: the system's choice until the person makes one, told to drawings too.

const system = window.matchMedia('(prefers-color-scheme: dark)')

export const theme = $state<{ dark: boolean }>({ dark: system.matches })

let chosen = false

system.addEventListener('change', (event) => {
  if (!chosen) theme.dark = event.matches
})

/** Choose light or dark for this page, against the system's choice. */
export function chooseTheme(dark: boolean): void {
  chosen = true
  theme.dark = dark
  document.documentElement.dataset.theme = dark ? 'dark' : 'light'
}

/** The value of a CSS custom property now, for canvas drawings. */
export function cssColour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}
