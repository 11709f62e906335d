/**
 * The rule that ends connections to addresses that a name has left.
 *
 * @internal
 */
import type { ConnectionInfo, ShouldEvict } from "@hotaru/pool/Eviction"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { canonical, isLiteral } from "./addresses.js"
import { AddressHistory, type Round, type Watching } from "./addressHistory.js"
import type { Answer, Lookups } from "./lookups.js"
import { lookupsIn } from "./sharedLookups.js"

/** A look-up may keep a round of the cleanup waiting for this long. */
const patience = Duration.seconds(5)

/** A connection this young was dialled by what a look-up has just said. */
const justDialled = Duration.seconds(1)

const stays = Effect.succeed(false)

export const rule = (watching: Watching): ShouldEvict => {
  // A history for each source of answers: two pools with different resolvers may share the rule.
  const histories = new WeakMap<Lookups, AddressHistory>()
  const historyOf = (lookups: Lookups): AddressHistory => {
    const known = histories.get(lookups)
    if (known !== undefined) return known
    const history = new AddressHistory(watching)
    histories.set(lookups, history)
    return history
  }
  return (connection) => {
    const address = addressOf(connection)
    if (address === undefined || Duration.lessThan(connection.age, justDialled)) return stays
    const { host } = connection.key
    return Effect.flatMap(Effect.zip(lookupsIn, Clock.currentTimeMillis), ([lookups, now]) => {
      const history = historyOf(lookups)
      // From before the wait, as the age is.
      const openedAt = now - Duration.toMillis(connection.age)
      const round = history.asked(host, now)
      const verdict = Effect.sync(() => history.hasLeft(host, address, openedAt))
      return round === undefined ? verdict : Effect.zipRight(lookUp(lookups, history, round), verdict)
    })
  }
}

/** The address that the host's name must still have; undefined where the connection is to no address of a name. */
const addressOf = ({ facts, key }: ConnectionInfo): string | undefined =>
  facts.remoteAddress === undefined || key.socketPath !== undefined || key.proxy !== undefined || isLiteral(key.host)
    ? undefined
    : canonical(facts.remoteAddress)?.address

/** No canceler: an interruption between registering and waiting would skip it. */
const lookUp = (lookups: Lookups, history: AddressHistory, round: Round): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      let leave: (() => void) | undefined
      const answer = Effect.async<Answer | undefined>((resume) => {
        leave = lookups.probe(round.host, (answer) => resume(Effect.succeed(answer)))
        if (leave === undefined) resume(Effect.succeed(undefined))
      })
      return Effect.matchCauseEffect(restore(Effect.timeoutOption(answer, patience)), {
        onFailure: (cause) => {
          leave?.()
          history.failed(round)
          return Effect.failCause(cause)
        },
        onSuccess: Option.match({
          onNone: () => {
            leave?.()
            return Effect.map(Clock.currentTimeMillis, (now) => history.gaveUp(round, now))
          },
          onSome: (answer) => Effect.sync(() => told(history, round, answer))
        })
      })
    })
  )

const told = (history: AddressHistory, round: Round, answer: Answer | undefined): void => {
  if (answer === undefined) history.postponed(round)
  else if (answer._tag === "Failure") history.failed(round)
  else
    history.found(
      round,
      answer.value.map(({ address }) => address)
    )
}
