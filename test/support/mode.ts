/** Whether this is `npm run test:long`, in which tests with random input try many times as much of it. */
export const isLong = process.env["EVERWIRE_TEST_MODE"] === "long"
