/**
 * A binary heap whose elements know their place in it, so that one whose key has changed can be moved or taken out in
 * O(log n).
 */
export interface HeapElement {
  heapIndex: number
}

/** The `heapIndex` of an element that is in no heap. */
export const notInHeap = -1

export class IndexedHeap<A extends HeapElement> {
  private readonly elements: Array<A> = []

  constructor(private readonly isBefore: (left: A, right: A) => boolean) {}

  get size(): number {
    return this.elements.length
  }

  get top(): A | undefined {
    return this.elements[0]
  }

  /** Adds the element, or moves it to where its key now belongs. */
  put(element: A): void {
    if (element.heapIndex === notInHeap) {
      element.heapIndex = this.elements.length
      this.elements.push(element)
      this.rise(element)
    } else {
      this.rise(element)
      this.sink(element)
    }
  }

  remove(element: A): void {
    if (element.heapIndex === notInHeap) return
    const index = element.heapIndex
    const last = this.elements.pop() as A
    element.heapIndex = notInHeap
    if (last === element) return
    this.elements[index] = last
    last.heapIndex = index
    this.put(last)
  }

  private rise(element: A): void {
    let index = element.heapIndex
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = this.elements[above] as A
      if (!this.isBefore(element, parent)) break
      this.elements[index] = parent
      parent.heapIndex = index
      index = above
    }
    this.elements[index] = element
    element.heapIndex = index
  }

  private sink(element: A): void {
    let index = element.heapIndex
    for (;;) {
      let below = 2 * index + 1
      if (below >= this.elements.length) break
      if (below + 1 < this.elements.length && this.isBefore(this.elements[below + 1] as A, this.elements[below] as A))
        below++
      const child = this.elements[below] as A
      if (!this.isBefore(child, element)) break
      this.elements[index] = child
      child.heapIndex = index
      index = below
    }
    this.elements[index] = element
    element.heapIndex = index
  }
}
