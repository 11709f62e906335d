/**
 * How often a host's dead connections may be followed by another dead one before requests stop being sent again.
 *
 * A retry that works is free: after a restart every one of a hundred connections is stale at once, and all their
 * requests must be saved. One whose fresh connection died too says that sending again only adds to the trouble.
 *
 * Part of the decision core: time comes in as a value.
 */

/** The budget is regained evenly over this time. Milliseconds. */
export const budgetWindow = 10_000

export class RetryBudget {
  private spent = 0
  private at = 0

  allows(budget: number, now: number): boolean {
    // A whole one: a thousandth comes back within a millisecond.
    return this.spentAt(budget, now) + 1 <= budget
  }

  /** A retry has failed as well. */
  charge(budget: number, now: number): void {
    this.spent = Math.min(this.spentAt(budget, now) + 1, budget)
    this.at = now
  }

  isFresh(budget: number, now: number): boolean {
    return this.spentAt(budget, now) === 0
  }

  private spentAt(budget: number, now: number): number {
    if (this.spent === 0 || budget === Infinity) return 0
    return Math.max(0, this.spent - ((now - this.at) * budget) / budgetWindow)
  }
}
