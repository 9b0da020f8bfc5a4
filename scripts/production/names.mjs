// @ts-check
// Finds the names of properties that only the library uses, which the production build shortens. The names to keep are
// derived from the public types, the platform, the dependencies and the wire, so that no list is maintained by hand.

import { fileURLToPath } from "node:url"
import ts from "typescript"

const root = fileURLToPath(new URL("../../", import.meta.url))

/**
 * The names that may be shortened, sorted: members that the sources of `client` declare, unless the name stands
 * anywhere in
 * - the public types (`declarations`): applications use it, or write objects that have it;
 * - the types of the platform and of the dependencies: other code uses it;
 * - the members that `src/runtimes` declares: with these types it reads and makes objects of other programs;
 * - a string in the sources: `"failed" in answer` and `fields["part"]` find a property by its text;
 * - the type of a value that is given to `JSON.stringify`, or that is read from a value of no declared type: such a
 *   value is sent over the network or stored.
 *
 * @param {readonly string[]} client What `sourcesOf` says of the client's entries.
 * @param {readonly string[]} entries Sources of all entries, from the root of the project.
 * @param {readonly string[]} declarations The built public types, likewise.
 * @returns {string[]}
 */
export function shortenedNames(client, entries, declarations) {
  const program = createProgram([...entries, ...declarations])
  const checker = program.getTypeChecker()
  /** @type {Set<string>} */
  const declared = new Set()
  /** @type {Set<string>} */
  const kept = new Set()
  /** @type {Set<ts.Type>} */
  const seen = new Set()
  const [own, foreign] = [true, false].map((isWanted) =>
    program.getSourceFiles().filter((file) => isOwn(file) === isWanted),
  )

  for (const file of foreign ?? []) {
    walk(file, (node) => {
      const name = nameOf(node)
      if (name !== undefined) kept.add(name)
    })
  }
  for (const file of own ?? []) {
    const path = pathOf(file)
    const members = /^src\/runtimes\//.test(path) ? kept : client.includes(path) ? declared : undefined
    walk(file, (node) => {
      const name = isMember(node) ? nameOf(node) : undefined
      if (name !== undefined) members?.add(name)
      readNode(node)
    })
  }
  return [...declared].filter((name) => !kept.has(name)).sort()

  /** @param {ts.Node} node */
  function readNode(node) {
    if (ts.isStringLiteralLike(node)) kept.add(node.text)
    if (ts.isCallExpression(node) && node.expression.getText() === "JSON.stringify" && node.arguments[0]) {
      keepType(checker.getTypeAtLocation(node.arguments[0]))
    }
    if (ts.isPropertyAccessExpression(node) && !checker.getSymbolAtLocation(node.name)?.declarations) {
      kept.add(node.name.text)
    }
    if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)) {
      const name = node.propertyName ?? node.name
      if (ts.isIdentifier(name)) {
        const property = checker.getPropertyOfType(checker.getTypeAtLocation(node.parent), name.text)
        if (!isDeclared(node.parent, name.text) || !property?.declarations) kept.add(name.text)
      }
    }
  }

  /**
   * Whether the type of the destructured value declares this property. The type of the pattern itself always does.
   *
   * @param {ts.ObjectBindingPattern} pattern
   * @param {string} name
   */
  function isDeclared(pattern, name) {
    const { parent } = pattern
    const source = ts.isVariableDeclaration(parent) ? parent.initializer : undefined
    if (source === undefined) return true
    return checker.getApparentType(checker.getTypeAtLocation(source)).getProperty(name) !== undefined
  }

  /**
   * Keeps the names of a type's members, and those of its members' types.
   *
   * @param {ts.Type} type
   */
  function keepType(type) {
    if (seen.has(type)) return
    seen.add(type)
    if (type.isUnionOrIntersection()) for (const part of type.types) keepType(part)
    for (const property of checker.getPropertiesOfType(type)) {
      const [declaration] = property.declarations ?? []
      if (declaration && !isOwn(declaration.getSourceFile())) continue
      kept.add(property.name)
      keepType(checker.getTypeOfSymbol(property))
    }
    for (const { type: indexed } of checker.getIndexInfosOfType(type)) keepType(indexed)
  }
}

/**
 * The source files that these entries are bundled from, as sorted paths from the project's root.
 *
 * @param {readonly string[]} entries
 */
export function sourcesOf(entries) {
  return createProgram(entries).getSourceFiles().filter(isOwn).map(pathOf).sort()
}

/** @param {ts.SourceFile} file */
function pathOf({ fileName }) {
  return fileName.slice(root.length)
}

/** @param {readonly string[]} files */
function createProgram(files) {
  const { config, error } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
  if (error) throw new Error(ts.flattenDiagnosticMessageText(error.messageText, "\n"))
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  return ts.createProgram(
    files.map((file) => root + file),
    options,
  )
}

/** @param {ts.SourceFile} file */
function isOwn(file) {
  return file.fileName.startsWith(`${root}src/`) && !file.isDeclarationFile
}

/**
 * @param {ts.Node} node
 * @param {(node: ts.Node) => void} visit
 */
function walk(node, visit) {
  visit(node)
  ts.forEachChild(node, (child) => walk(child, visit))
}

/** @param {ts.Node} node */
function isMember(node) {
  return (
    ts.isClassElement(node) ||
    ts.isTypeElement(node) ||
    ts.isPropertyAssignment(node) ||
    ts.isShorthandPropertyAssignment(node)
  )
}

/**
 * @param {ts.Node} node
 * @returns {string | undefined}
 */
function nameOf(node) {
  const { name } = /** @type {{ name?: ts.Node }} */ (node) // of whatever has one
  return name && (ts.isIdentifier(name) || ts.isStringLiteral(name)) ? name.text : undefined
}
