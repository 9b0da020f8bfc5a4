import { defineConfig } from "eslint/config"
import tseslint from "typescript-eslint"

/** Only the rules that need types; everything else is Biome's. */
export default defineConfig(
  {
    ignores: [
      "bench/**",
      "dist/**",
      "coverage/**",
      "docs/**",
      "everywhere/**",
      ".nodes/**",
      "src/wire/text-encoding.d.ts",
    ],
  },
  {
    files: ["**/*.ts", "**/*.js", "**/*.mjs"],
    plugins: { "@typescript-eslint": tseslint.plugin },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/no-unnecessary-type-assertion": "error",
      "@typescript-eslint/only-throw-error": "error",
      "@typescript-eslint/prefer-promise-reject-errors": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
    },
  },
)
