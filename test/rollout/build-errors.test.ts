// What is kept of the output of real compilers. Recorded from the tools themselves, unless it says otherwise.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { BuildErrors } from '../../src/rollout/build-errors.js';

function errorsOf(output: string): string {
  const errors = new BuildErrors();
  for (const line of output.split('\n')) errors.push(line);
  return errors.text();
}

const RUST_WARNING = `warning: unused variable: \`a\`
 --> src/main.rs:1:17
  |
1 | fn dead() { let a = 1; }
  |                 ^ help: if this is intentional, prefix it with an underscore: \`_a\`
  |
  = note: \`#[warn(unused_variables)]\` (part of \`#[warn(unused)]\`) on by default
`;

const RUST_ERROR = `error[E0597]: \`s\` does not live long enough
 --> src/main.rs:2:49
  |
2 | fn main() { let r; { let s = String::new(); r = &s; } println!("{}", r); }
  |                          -                      ^^  -                - borrow later used here
  |                          |                      |   |
  |                          |                      |   \`s\` dropped here while still borrowed
  |                          |                      borrowed value does not live long enough
  |                          binding \`s\` declared here
`;

const RUST_END = `For more information about this error, try \`rustc --explain E0597\`.
warning: \`many\` (bin "many") generated 1 warning
error: could not compile \`many\` (bin "many") due to 1 previous error; 1 warning emitted`;

describe('what is kept', () => {
  test('of rustc: the errors, whole, without the warnings between them', () => {
    const output = `   Compiling many v0.1.0 (/projects/many)\n${RUST_WARNING}\n${RUST_ERROR}\n${RUST_WARNING}\n${RUST_END}`;
    const [explained = '', , summary = ''] = RUST_END.split('\n');
    expect(errorsOf(output)).toBe(`${RUST_ERROR}\n${explained}\n${summary}`);
  });

  test('of cargo: a manifest that it cannot read', () => {
    const output = `error: string values must be quoted, expected literal string
 --> Cargo.toml:6:5
  |
6 | x = 
  |     ^`;
    expect(errorsOf(output)).toBe(output.replace('x = \n', 'x =\n'));
  });

  test('of tsc', () => {
    const output = `server.ts(2,19): error TS2322: Type 'number' is not assignable to type 'string'.
server.ts(2,28): error TS2322: Type '(x: { a: number; b: number; }) => void' is not assignable to type '(x: { a: string; b: number; }) => void'.
  Types of parameters 'x' and 'x' are incompatible.
    Type '{ a: string; b: number; }' is not assignable to type '{ a: number; b: number; }'.`;
    expect(errorsOf(`\n> build\n> tsc\n\n${output}`)).toBe(output);
  });

  test('of tsc with colours: without them', () => {
    const output = `\x1b[96mserver.ts\x1b[0m:\x1b[93m3\x1b[0m:\x1b[93m19\x1b[0m - \x1b[91merror\x1b[0m\x1b[90m TS2304: \x1b[0mCannot find name 'undefinedThing'.

\x1b[7m3\x1b[0m const y: string = undefinedThing;
\x1b[7m \x1b[0m \x1b[91m                  ~~~~~~~~~~~~~~\x1b[0m


Found 1 error in server.ts\x1b[90m:3\x1b[0m
`;
    expect(errorsOf(output)).toBe(`server.ts:3:19 - error TS2304: Cannot find name 'undefinedThing'.

3 const y: string = undefinedThing;
                    ~~~~~~~~~~~~~~


Found 1 error in server.ts:3`);
  });

  test('of esbuild: its warnings have blank lines in them', () => {
    const first = `✘ [ERROR] Cannot assign to "a" because it is a constant

    server.ts:2:13:
      2 │ const a = 1; a = 2;
        ╵              ^
`;
    const warning = `▲ [WARNING] Comparison with -0 using the "==" operator will also match 0 [equals-negative-zero]

    server.ts:3:9:
      3 │ if (a == -0) {}
        ╵          ~~

  Floating-point equality is defined such that 0 and -0 are equal, so "x === -0" returns true for both 0 and -0.
`;
    const second = `✘ [ERROR] Could not resolve "./missing.js"

    server.ts:1:14:
      1 │ import x from './missing.js';
        ╵               ~~~~~~~~~~~~~~
`;
    const end = '1 warning and 2 errors';
    expect(errorsOf(`${warning}\n${first}\n${warning}\n${second}\n${end}`)).toBe(
      `${first}\n${second}\n${end}`,
    );
  });

  test('of gcc and make: with the lines that say where, without those of warnings', () => {
    const output = `gcc -Wall -Wextra -c a.c
In file included from a.c:1:
a.h: In function ‘h’:
a.h:1:30: error: ‘r’ undeclared (first use in this function)
    1 | static int h(int q) { return r; }
      |                              ^
a.h:1:30: note: each undeclared identifier is reported only once for each function it appears in
a.h:1:18: warning: unused parameter ‘q’ [-Wunused-parameter]
    1 | static int h(int q) { return r; }
      |              ~~~~^
a.c: In function ‘main’:
a.c:4:11: warning: initialization of ‘int’ from ‘char *’ makes integer from pointer without a cast [-Wint-conversion]
    4 |   int x = "text";
      |           ^~~~~~
a.c:6:10: error: ‘y’ undeclared (first use in this function)
    6 |   return y;
      |          ^
a.h: At top level:
a.h:1:12: warning: ‘h’ defined but not used [-Wunused-function]
    1 | static int h(int q) { return r; }
      |            ^
make: *** [Makefile:3: a.o] Error 1`;
    expect(errorsOf(output)).toBe(`In file included from a.c:1:
a.h: In function ‘h’:
a.h:1:30: error: ‘r’ undeclared (first use in this function)
    1 | static int h(int q) { return r; }
      |                              ^
a.h:1:30: note: each undeclared identifier is reported only once for each function it appears in
a.c:6:10: error: ‘y’ undeclared (first use in this function)
    6 |   return y;
      |          ^
make: *** [Makefile:3: a.o] Error 1`);
  });

  test('of a linker, after the warnings of the compiler', () => {
    const output = `b.c: In function ‘main’:
b.c:2:20: warning: unused variable ‘q’ [-Wunused-variable]
    2 | int main(void){int q; return f();}
      |                    ^
ld: cc8z4XoW.o: in function \`main':
b.c:(.text+0x5): undefined reference to \`f'
collect2: error: ld returned 1 exit status`;
    expect(errorsOf(output)).toBe(output.split('\n').slice(4).join('\n'));
  });

  // Written as javac's output, recorded, stands in the output of gradle 8.
  test('of gradle', () => {
    const errors = `/projects/app/src/main/java/Main.java:4: error: incompatible types: String cannot be converted to int
    int x = "a";
            ^
/projects/app/src/main/java/Main.java:5: error: cannot find symbol
    foo();
    ^
  symbol:   method foo()
  location: class Main`;
    const [first = '', second = ''] = errors.split(/\n(?=\/home.*:5)/);
    const output = `> Task :processResources NO-SOURCE
> Task :compileJava FAILED
${first}
/projects/app/src/main/java/Main.java:4: warning: [rawtypes] found raw type: List
    List l = null;
    ^
  missing type arguments for generic class List<E>
${second}
2 errors
1 warning

FAILURE: Build failed with an exception.

* What went wrong:
Execution failed for task ':compileJava'.`;
    expect(errorsOf(output)).toBe(`> Task :compileJava FAILED
${errors}
2 errors
1 warning

FAILURE: Build failed with an exception.

* What went wrong:
Execution failed for task ':compileJava'.`);
  });

  // Written in the form that go 1.2x has; there was no go to record it from.
  test('of go: with the package that it is about', () => {
    const output = `go: downloading example.com/x v1.2.3
# example.com/app/tools
tools/a.go:12:2: undefined: frob
tools/a.go:14:15: cannot use "a" (untyped string constant) as int value in assignment
tools/a.go:14:15: too many errors`;
    expect(errorsOf(output)).toBe(output.split('\n').slice(1).join('\n'));
  });

  test('of python: what it cannot compile, and what it dies of', () => {
    const syntax = `  File "bad.py", line 1
    def f(:
          ^
SyntaxError: invalid syntax`;
    expect(errorsOf(`Compiling 'bad.py'...\n***${syntax.slice(1)}\n`)).toBe(`***${syntax.slice(1)}`);
    expect(errorsOf(syntax)).toBe(syntax);
    const traceback = `Traceback (most recent call last):
  File "/projects/bad3.py", line 2, in <module>
    import nothere
ModuleNotFoundError: No module named 'nothere'`;
    const warning = `/projects/bad3.py:1: SyntaxWarning: "is" with a literal. Did you mean "=="?\n  x = 1 is 1\n`;
    expect(errorsOf(warning + traceback)).toBe(traceback);
  });

  test.each([
    'Program.cs(5,13): error CS0029: Cannot implicitly convert type [/projects/app.csproj]',
    '[ERROR] /projects/Main.java:[3,17] incompatible types',
    'e: file:///projects/Main.kt:3:5 Unresolved reference: x',
    'src/main.zig:3:5: error: expected type expression',
    'Error: Cannot find module ./x',
    '/projects/server.ts:4:32: ERROR: Top-level await is not available',
    'CMake Error at CMakeLists.txt:3 (find_package):',
  ])('an error of others begins where it begins: %s', (line) => {
    expect(errorsOf(`some noise\n${line}\nits detail`)).toBe(`${line}\nits detail`);
  });
});

describe('where nothing looks like an error', () => {
  test('the end of the output is kept, 4 kB of it', () => {
    expect(errorsOf('one\n\ntwo\n')).toBe('one\n\ntwo');
    const long = Array.from({ length: 5_000 }, (_, i) => `line ${i}`).join('\n');
    const kept = errorsOf(long);
    expect(kept.length).toBeLessThanOrEqual(4_096);
    expect(kept.endsWith('line 4998\nline 4999')).toBe(true);
  });

  test('nothing of nothing', () => {
    expect(errorsOf('')).toBe('');
  });
});

/** So many errors as rustc has them, a warning before each. */
function manyErrors(count: number): string {
  const blocks = Array.from(
    { length: count },
    (_, i) => `${RUST_WARNING}
error[E0308]: mismatched types
   --> src/main.rs:${i * 4 + 3}:18
    |
${i * 4 + 3} |     let x: i32 = "a";
    |            ---   ^^^ expected \`i32\`, found \`&str\`
    |            |
    |            expected due to this
`,
  );
  return `${blocks.join('\n')}\nerror: could not compile \`many\` due to ${count} previous errors; ${count} warnings emitted`;
}

describe('the limit [call.words]', () => {
  test('31 errors with warnings in between are told from the first one on, the rest is counted', () => {
    const text = errorsOf(manyErrors(31));
    expect(text).toMatch(/^error\[E0308\]: mismatched types\n {3}--> src\/main\.rs:3:18\n/);
    expect(text).not.toContain('warning: unused');
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4_096);
    expect(Buffer.byteLength(text)).toBeGreaterThan(3_800);
    const [, left, lines] = /\n… and (\d+) more errors \((\d+) more lines\)$/.exec(text) ?? [];
    const shown = text.split('error[E0308]').length - 1;
    expect(Number(left) + shown).toBe(31);
    expect(Number(lines)).toBeGreaterThan(Number(left) * 6);
  });

  test('what fits is not counted', () => {
    expect(errorsOf(manyErrors(3))).not.toContain('…');
  });

  test('one long error is cut as well', () => {
    const text = errorsOf(`error: too much\n${'  detail é\n'.repeat(1_000)}`);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4_096);
    expect(text).toMatch(/\n… and \d+ more lines$/);
  });

  test('a long line is cut at its end', () => {
    const text = errorsOf(`error: ${'x'.repeat(10_000)}\nand then`);
    expect(text).toMatch(/^error: x{500,600}…\nand then$/);
  });

  test('of a line that was written over itself the last is kept', () => {
    expect(errorsOf('10%\r90%\rerror: no')).toBe('error: no');
  });

  test('an endless output takes no memory', () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const errors = new BuildErrors();
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 200_000; i += 1)
      errors.push(`${i % 3 ? 'warning' : 'error'}: ${i} ${'-'.repeat(200)}`);
    collect();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(5e6);
    expect(errors.text()).toMatch(/more errors/);
  });
});
