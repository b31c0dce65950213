// Draws many small parts into a group of an SVG. Elements are kept from one drawing to the next and
// changed only where something did: hundreds of them follow a slider within a frame.

import { colourOf } from '../shared/colour'
import { pngUrl, type Rgb } from './png'

/** The colour of a value: grey from 0 to `maxAbs`, else orange below zero and blue above. */
export function colourIn(value: number, maxAbs: number, grey: boolean, dark: boolean): Rgb {
  if (!grey) return colourOf(value, maxAbs, dark)
  const level = Math.round((255 * Math.min(Math.max(value, 0), maxAbs)) / maxAbs)
  return [level, level, level]
}

/** A map as an image with one pixel a value. */
export const mapUrl = (
  values: ArrayLike<number>,
  height: number,
  width: number,
  maxAbs: number,
  grey: boolean,
  dark: boolean,
): string => pngUrl(height, width, (i) => colourIn(values[i]!, maxAbs, grey, dark))

export interface Cell {
  x: number
  y: number
  fill: string
  value: number
  text: string // '' for none
  ink: string
  opacity: number
  dashed: boolean
}

const NAMESPACE = 'http://www.w3.org/2000/svg'

/** An element of the group: the one kept from the last drawing, or a new one. */
function element(group: SVGGElement, name: 'rect' | 'text' | 'image', at: number): SVGElement {
  const kept = group.children[at] as SVGElement | undefined
  return kept ?? group.appendChild(document.createElementNS(NAMESPACE, name))
}

function set(node: SVGElement, attributes: Record<string, string | number>): void {
  for (const [name, value] of Object.entries(attributes)) {
    const text = String(value)
    if (node.getAttribute(name) !== text) node.setAttribute(name, text)
  }
}

function shrink(group: SVGGElement, n: number): void {
  while (group.children.length > n) group.lastElementChild!.remove()
}

/** The cells as squares of `side`, the numbers on top of them with their middle in the cell. */
export function drawCells(
  squares: SVGGElement,
  numbers: SVGGElement,
  cells: readonly Cell[],
  side: number,
  size: number,
): void {
  const edge = side > 9 ? side - 1 : side
  cells.forEach((cell, i) => {
    set(element(squares, 'rect', i), {
      x: cell.x,
      y: cell.y,
      width: edge,
      height: edge,
      fill: cell.fill,
      opacity: cell.opacity,
      stroke: cell.dashed ? 'var(--quiet)' : 'none',
      'data-at': i,
      'data-v': cell.value,
    })
  })
  shrink(squares, cells.length)
  const written = cells.filter((cell) => cell.text)
  written.forEach((cell, i) => {
    const node = element(numbers, 'text', i)
    set(node, {
      x: cell.x + side / 2 - 0.5,
      y: cell.y + side / 2 + size * 0.36,
      fill: cell.ink,
      opacity: cell.opacity < 1 ? 0.4 : 1,
    })
    if (node.textContent !== cell.text) node.textContent = cell.text
  })
  shrink(numbers, written.length)
}

/** Maps side by side, each as an image `size` pixels wide and one `pitch` after the other, with a frame. */
export function drawMaps(
  group: SVGGElement,
  urls: readonly string[],
  x: number,
  y: number,
  size: number,
  pitch: number,
) {
  urls.forEach((href, i) =>
    set(element(group, 'image', i), {
      href,
      x: x + i * pitch,
      y,
      width: size,
      height: size,
      preserveAspectRatio: 'none',
    }),
  )
  shrink(group, urls.length)
}
