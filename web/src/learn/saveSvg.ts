// A figure as an SVG file of its own: the page's colours and fonts are written into it.

const properties = [
  'fill',
  'stroke',
  'stroke-width',
  'stroke-dasharray',
  'opacity',
  'fill-opacity',
  'font-family',
  'font-size',
  'font-weight',
  'text-anchor',
  'image-rendering',
]

/** The text of the file: stands alone, on the page's ground. */
export function svgText(svg: SVGSVGElement): string {
  const copy = svg.cloneNode(true) as SVGSVGElement
  const originals = svg.querySelectorAll('*')
  copy.querySelectorAll('*').forEach((element, i) => {
    const style = getComputedStyle(originals[i]!)
    for (const property of properties) {
      const value = style.getPropertyValue(property)
      if (value) element.setAttribute(property, value)
    }
    element.removeAttribute('class')
    element.removeAttribute('style')
    element.removeAttribute('data-v')
  })
  copy.removeAttribute('class')
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  const ground = document.createElementNS('http://www.w3.org/2000/svg', 'rect')
  ground.setAttribute('width', '100%')
  ground.setAttribute('height', '100%')
  ground.setAttribute('fill', getComputedStyle(document.documentElement).getPropertyValue('--paper').trim())
  copy.prepend(ground)
  return new XMLSerializer().serializeToString(copy)
}

/** Let the browser save the figure. */
export function saveSvg(svg: SVGSVGElement, name: string): void {
  saveText(svgText(svg), name, 'image/svg+xml')
}

export function saveText(text: string, name: string, type: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 1000)
}
