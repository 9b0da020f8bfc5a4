// @ts-check
import { test } from "node:test"
import { transportLaws } from "everwire/testing"
import { subject } from "./rig.mjs"

for (const { id, title, run } of transportLaws(subject)) await test(`${id}: ${title}`, run)
