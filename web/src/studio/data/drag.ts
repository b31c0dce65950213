// Dragging selected images onto a class.

export const DRAG_TYPE = 'application/x-foveal-images'

/** A small badge with `text` follows the pointer instead of a copy of the cell. */
export function dragImage(transfer: DataTransfer, text: string): void {
  const badge = document.createElement('div')
  badge.textContent = text
  badge.className = 'drag-badge'
  document.body.append(badge)
  transfer.setDragImage(badge, 12, 12)
  setTimeout(() => badge.remove())
}
