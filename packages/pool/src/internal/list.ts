/**
 * Doubly linked lists whose links live in the elements: every operation is O(1), and leaving from the middle is too.
 */
export interface Linked<A> {
  previous: A | undefined
  next: A | undefined
}

/** A list over one pair of links. An element is in at most one list that uses the same pair. */
export class LinkedList<A extends Linked<A>> {
  head: A | undefined = undefined
  tail: A | undefined = undefined
  size = 0

  append(element: A): void {
    element.previous = this.tail
    element.next = undefined
    if (this.tail === undefined) this.head = element
    else this.tail.next = element
    this.tail = element
    this.size++
  }

  /** Puts `element` before the first element that `isAfter` says comes after it. O(1) if it belongs at either end. */
  insert(element: A, isAfter: (other: A) => boolean): void {
    if (this.tail === undefined || !isAfter(this.tail)) return this.append(element)
    let after = this.head as A
    while (!isAfter(after)) after = after.next as A
    element.previous = after.previous
    element.next = after
    if (after.previous === undefined) this.head = element
    else after.previous.next = element
    after.previous = element
    this.size++
  }

  remove(element: A): void {
    if (element.previous === undefined) this.head = element.next
    else element.previous.next = element.next
    if (element.next === undefined) this.tail = element.previous
    else element.next.previous = element.previous
    element.previous = undefined
    element.next = undefined
    this.size--
  }
}
