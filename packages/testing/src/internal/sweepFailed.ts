export class SweepFailed extends Error {
  override readonly name = "SweepFailed"
}
