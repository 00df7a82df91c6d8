/** Small means to make and keep elements. Text only ever goes in as text. */

/** @typedef {Node | string | null} Child */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Readonly<Record<string, string | boolean | null>>} [attributes] false and null leave one out
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) attribute(element, name, value)
  for (const child of children) if (child !== null) element.append(child)
  return element
}

/**
 * @param {string} tag
 * @param {Readonly<Record<string, string>>} [attributes]
 * @param {...Node} children
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

/**
 * Writes only what changes, so that a screen reader or a selection is not disturbed.
 * @param {Element} element
 * @param {string} name
 * @param {string | boolean | null} value
 */
export function attribute(element, name, value) {
  if (value === false || value === null) element.removeAttribute(name)
  else if (element.getAttribute(name) !== (value === true ? '' : value)) element.setAttribute(name, value === true ? '' : value)
}

/**
 * @param {Element} element
 * @param {string} value
 */
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value
}

/**
 * Children of `list` become one for each item, in order; those that stay keep their element, and with it focus.
 * @template Item
 * @param {Element} list
 * @param {readonly Item[]} items
 * @param {{ keyOf: (item: Item) => string, make: (item: Item) => HTMLElement, update?: (element: HTMLElement, item: Item) => void }} how
 */
export function sync(list, items, { keyOf, make, update }) {
  const known = new Map([...list.children].map((child) => [child instanceof HTMLElement ? (child.dataset['key'] ?? '') : '', child]))
  const kept = items.map((item) => {
    const key = keyOf(item)
    const there = known.get(key)
    known.delete(key)
    const element = there instanceof HTMLElement ? there : make(item)
    element.dataset['key'] = key
    update?.(element, item)
    return element
  })
  for (const gone of known.values()) gone.remove()
  kept.forEach((element, index) => {
    if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null)
  })
}

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`the page has no #${id}`)
  return element
}

/**
 * @param {ParentNode} parent
 * @param {string} selector
 * @returns {HTMLElement}
 */
export function find(parent, selector) {
  const element = parent.querySelector(selector)
  if (!(element instanceof HTMLElement)) throw new Error(`nothing is at ${selector}`)
  return element
}
