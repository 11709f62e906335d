// `npm run install-lines`: does what each README of a published package tells a reader to do, word for word, in an empty
// folder, with npm and with pnpm, on the packed tarballs beside whatever else is the latest: installs its lines, checks the
// types of its first program, and runs it. Our packages come from a registry of this script's own, on loopback.
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { createReadStream, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { complaintsIn, installedBy, problemsOf, readPage } from "./installLines.mjs"
import { packagesOf, projectRoot } from "./workspace.mjs"

const { packageManager } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8"))
const published = packagesOf(projectRoot).filter(({ manifest }) => manifest.private !== true)
const work = mkdtempSync(join(tmpdir(), "hotaru-install-"))
/** @type {Array<string>} */
const problems = []

/** What a program prints that runs to its end. */
const printed = new Map([
  ["README.md", /\d+ of 100 requests reused a connection/],
  ["packages/node/README.md", /Ada/],
  ["packages/http1/README.md", /"?_tag"?: ["']End["']/]
])

/** An outer `npm run` tells its own settings to every npm below it; where packages come from is the user's. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^npm_/i.test(name) || /^npm_config_(registry|userconfig|globalconfig|cafile|cache)$/i.test(name)
  )
)

/**
 * Runs a command within a time; answers its exit code and all that it printed.
 *
 * @returns {Promise<{ status: number | null, output: string }>}
 */
const run = (/** @type {string} */ command, /** @type {string} */ cwd, seconds = 150) =>
  new Promise((resolve) => {
    const child = spawn(command, { cwd, env: environment, shell: true, stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    const timer = setTimeout(() => {
      output += `\nstopped after ${seconds} s`
      child.kill("SIGKILL")
    }, seconds * 1000)
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data))
    child.on("close", (status) => {
      clearTimeout(timer)
      resolve({ status, output })
    })
  })

const pack = async () => {
  /** @type {Map<string, { manifest: any, tarball: string }>} */
  const packed = new Map()
  for (const { directory, folder, manifest } of published) {
    const destination = join(work, "packed", folder)
    mkdirSync(destination, { recursive: true })
    const { output, status } = await run(
      `npx --yes ${packageManager} pack --pack-destination "${destination}"`,
      directory
    )
    const tarball = readdirSync(destination).find((name) => name.endsWith(".tgz"))
    if (status !== 0 || tarball === undefined) throw new Error(`${manifest.name} could not be packed:\n${output}`)
    await run(`tar -xzf ${tarball} package/package.json`, destination)
    const shipped = JSON.parse(readFileSync(join(destination, "package", "package.json"), "utf8"))
    packed.set(manifest.name, { manifest: shipped, tarball: join(destination, tarball) })
  }
  return packed
}

/** Answers for our packages alone. */
const serve = (/** @type {Awaited<ReturnType<typeof pack>>} */ packed) => {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "/").slice(1)
    const found = packed.get(path.replace(/\.tgz$/, ""))
    if (found === undefined) {
      response.writeHead(404).end("{}")
      return
    }
    if (path.endsWith(".tgz")) {
      createReadStream(found.tarball).pipe(response)
      return
    }
    const { name, version } = found.manifest
    const bytes = readFileSync(found.tarball)
    const dist = {
      tarball: `http://${request.headers.host}/${name}.tgz`,
      integrity: `sha512-${createHash("sha512").update(bytes).digest("base64")}`,
      shasum: createHash("sha1").update(bytes).digest("hex")
    }
    response.setHeader("content-type", "application/json")
    response.end(
      JSON.stringify({
        name,
        "dist-tags": { latest: version },
        versions: { [version]: { ...found.manifest, dist } },
        time: { [version]: "2025-01-01T00:00:00.000Z" }
      })
    )
  })
  return new Promise((/** @type {(result: { server: typeof server, port: number }) => void} */ resolve) => {
    server.listen(0, "127.0.0.1", () =>
      resolve({ server, port: /** @type {import("node:net").AddressInfo} */ (server.address()).port })
    )
  })
}

const installers = [
  { name: "npm", translate: (/** @type {string} */ line) => line },
  {
    name: "pnpm",
    translate: (/** @type {string} */ line) => line.replace(/^npm install/, `npx --yes ${packageManager} add`)
  }
]

const tsc = join(projectRoot, "node_modules", ".bin", "tsc")

/**
 * A reader who follows one page with one installer.
 *
 * @returns {Promise<unknown>}
 */
const follow = async (
  /** @type {string} */ page,
  /** @type {(typeof installers)[number]} */ installer,
  /** @type {number} */ port
) => {
  const { lines, programs } = readPage(readFileSync(join(projectRoot, page), "utf8"))
  const folder = mkdtempSync(join(work, `${installer.name}-`))
  const complain = (/** @type {string} */ what, /** @type {string} */ output) =>
    problems.push(`${page}, ${installer.name}: ${what}\n${output.trim()}`)
  writeFileSync(join(folder, ".npmrc"), `@hotaru:registry=http://127.0.0.1:${port}/\n`)
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "reader", private: true, type: "module" }))
  for (const line of lines) {
    const { output, status } = await run(installer.translate(line), folder)
    if (status !== 0) return complain(`${line}: failed`, output)
    const complaints = complaintsIn(output)
    if (complaints.length > 0) complain(`${line}: complained`, complaints.join("\n"))
  }
  const [program = ""] = programs
  const isTest = program.includes("@effect/vitest")
  const file = isTest ? "program.test.ts" : "program.ts"
  const hasNode = lines.flatMap(installedBy).some(({ name }) => name === "@types/node")
  writeFileSync(join(folder, file), program)
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        module: "nodenext",
        target: "es2022",
        lib: hasNode ? ["es2022"] : ["es2022", "dom", "dom.iterable"],
        types: hasNode ? ["node"] : [],
        strict: true,
        exactOptionalPropertyTypes: true,
        // The declarations of a test runner are its own business.
        skipLibCheck: isTest
      },
      files: [file]
    })
  )
  // Types are the same whoever installs them; a strict installer also shows what is not found.
  const checked = installer.name === "pnpm" ? tsc : `${tsc} --noCheck`
  const types = await run(checked, folder)
  if (types.status !== 0) return complain("the types of the first program do not fit", types.output)
  const ran = await run(isTest ? "npx vitest run" : "node program.js", folder, 60)
  if (ran.status !== 0) return complain("the first program fails", ran.output)
  const expected = printed.get(page)
  const fits = expected === undefined || expected.test(ran.output)
  return fits ? undefined : complain(`the first program does not print ${expected}`, ran.output)
}

const pages = ["README.md", ...published.map(({ folder }) => `packages/${folder}/README.md`)]
for (const page of pages) problems.push(...problemsOf(page, readPage(readFileSync(join(projectRoot, page), "utf8"))))

try {
  if (problems.length === 0) {
    const built = await run(`"${process.execPath}" scripts/build.mjs`, projectRoot)
    if (built.status !== 0) throw new Error(`The packages could not be built:\n${built.output}`)
    const { server, port } = await serve(await pack())
    try {
      // Side by side; each goes through the pages one after the other.
      await Promise.all(
        installers.map(async (installer) => {
          for (const page of pages) await follow(page, installer, port)
        })
      )
    } finally {
      server.close()
      server.closeAllConnections()
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
for (const problem of problems) process.stderr.write(`${problem}\n`)
process.stdout.write(
  `${pages.length} pages, followed with ${installers.map(({ name }) => name).join(" and ")}: ${problems.length} problems\n`
)
process.exitCode = problems.length === 0 ? 0 : 1
