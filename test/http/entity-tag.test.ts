import t from 'tap'
import { entityTag, namesTag } from '../../src/http/entity-tag.js'

t.test('a tag depends on every image, their order and the representation', async t => {
  const tag = entityTag(['a', 'b'], { type: 'x' }, true)
  t.match(tag, /^"[\w-]{43}"$/)
  t.equal(entityTag(['a', 'b'], { type: 'x' }, true), tag)
  t.equal(entityTag(['a', 'b'], { type: 'x' }, false), `W/${tag}`)
  const others = [entityTag(['b', 'a'], { type: 'x' }, true), entityTag(['a'], { type: 'x' }, true), entityTag(['ab'], { type: 'x' }, true), entityTag(['a', 'b'], { type: 'y' }, true)]
  t.equal(new Set([tag, ...others]).size, 5)
})

for (const [header, named] of [
  ['"tag"', true], ['W/"tag"', true], ['"other", "tag"', true], ['"other",W/"tag"', true], ['"a,b" , "tag"', true],
  [undefined, false], ['', false], ['*', false], ['tag', false], ['"ta"', false], ['"tag2"', false], ['"other"', false], ['"a"tag"b"', false]
] as const) {
  t.test(`If-None-Match: ${header}`, async t => {
    t.equal(namesTag(header, '"tag"'), named)
    t.equal(namesTag(header, 'W/"tag"'), named, 'a weak tag compares alike')
  })
}
