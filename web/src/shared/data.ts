// Reads the page's own data: the JSON Python put into <script id="foveal">.

/** The data of this page; throws where the page was opened without any. */
export function pageData<T>(): T {
  const text = document.getElementById('foveal')?.textContent ?? ''
  return JSON.parse(text) as T
}
