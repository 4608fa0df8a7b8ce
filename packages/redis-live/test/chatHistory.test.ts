/** The checker of what a room's listeners heard: what is right passes, and each planted anomaly is found. */
import { expect, test } from "vitest"
import { faultsOf, haveOneOrder } from "./support/ChatChecker.ts"

const heard = ["J a", "S a 1", "J b", "U a", "L Crashed a", "S b 1", "J a", "L Left a"]

test("what can have been is right", () => {
  expect(faultsOf(heard)).toEqual([])
  expect(faultsOf([...heard, "D", "."])).toEqual([])
  expect(faultsOf([...heard, "Gap HistoryTrimmed", "L Left b", "J c", "U d"])).toEqual([])
})

test.each([
  ["a Left told twice", [...heard, "L Left a"], ["8 L Left a: is not there"]],
  ["a Left of one that never came", ["L Crashed a"], ["0 L Crashed a: is not there"]],
  ["a change of one that has left", [...heard, "U a"], ["8 U a: is not there"]],
  ["a member that comes twice", [...heard, "J b"], ["8 J b: is there"]],
  ["the same behind a gap", ["Gap Rewound", "J b", "J b"], ["2 J b: is there"]],
  ["a word said twice", [...heard, "S a 1"], ["8 S a 1: said twice"]],
  ["a word behind the end", ["D", "S a 1"], ["1 S a 1: behind the end"]]
])("%s is found", (_, heard, faults) => expect(faultsOf(heard)).toEqual(faults))

test("words in another order are found", () => {
  expect(haveOneOrder(["S a 1", "S b 1"], ["J a", "S a 1", "S b 1"])).toBe(true)
  expect(haveOneOrder(["S a 1"], ["S b 1", "S a 1"])).toBe(true)
  expect(haveOneOrder(["S a 1", "S b 1"], ["S b 1", "S a 1"])).toBe(false)
})
