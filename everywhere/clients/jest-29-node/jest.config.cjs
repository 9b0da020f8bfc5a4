module.exports = {
  testMatch: ["**/suite.test.cjs"],
  testTimeout: 60_000,
  testEnvironment: "node",
}
