// scratch: node _ab.mjs <peer> <transport> <n> <mode>
import { start, answer } from './processes.mjs'
import { Bench } from './bench.mjs'
const [peersArg, transport, nArg, mode, roundsArg] = process.argv.slice(2)
const S=[]
for (const spec of peersArg.split(',')) {
  const [peer, dist] = spec.split('@')
  const server = start('_server.mjs', [peer, transport], ['--expose-gc', ...(process.env.NF?process.env.NF.split(' '):[])])
  const client = await import(`./peers/${peer}.mjs`)
  const port = await server.call('port')
  const bench = new Bench(client, { ...server, settled: async n => { while ((await server.call('count')).sockets !== n) await new Promise(r=>setTimeout(r,10)) } }, { port, transport }, 300)
  await bench.openWires(Number(nArg))
  S.push({ spec, server, bench, r: [] })
}
const n=Number(nArg)
const { payload } = await import('./payload.mjs')
for (let round = 0; round < Number(roundsArg||12); round++) for (const s of S) {
  const { server, bench } = s
  const before = await server.call('use'); let msgs = 0
  const t0=performance.now()
  if (mode==='broadcast') for (let k=0;k<10;k++){ const all=bench.until(bench.heard+n); await server.call('broadcast',1,1); await all; msgs+=n }
  else if (mode==='b2b') for (let k=0;k<3;k++){ const all=bench.until(bench.heard+n*20); await server.call('broadcast',20,1); await all; msgs+=20*n }
  else if (mode==='down16') { const all=bench.until(bench.heard+25*16*n); await server.call('down',25,16,20); await all; msgs+=25*16*n }
  else if (mode==='down1') { const all=bench.until(bench.heard+200*n); await server.call('down',200,1,2); await all; msgs+=200*n }
  else if (mode.startsWith('up')) { const per=Number(mode.slice(2)), every=per===1?2:per===16?10:50; const batch=Array.from({length:per},(_,i)=>payload(i)); const h0=(await server.call('count')).heard; const st=performance.now(); let said=0
    for(let t=1;t*every<=500;t++){ for(const w of bench.wires) w.say('up',batch); said+=per*n; await new Promise(r=>setTimeout(r,Math.max(0,st+t*every-performance.now()))) }
    while((await server.call('count')).heard<h0+said) await new Promise(r=>setTimeout(r,5)); msgs=said }
  const ms=performance.now()-t0
  const after = await server.call('use')
  const d={}; for (const k in after) d[k]=after[k]-before[k]
  if (round>2) s.r.push({ cpu:(d.user+d.sys)/msgs, user:d.user/msgs, sys:d.sys/msgs, gcUs:d.gcUs/msgs, gcs:d.gcs, ms })
}
const med=a=>a.sort((x,y)=>x-y)[a.length>>1]
const base=S[0]
for (const s of S) { const o={}; for (const k in s.r[0]) o[k]=med(s.r.map(x=>x[k])).toFixed(2); console.log(s.spec.padEnd(12), 'ratio', med(s.r.map((x,i)=>x.cpu/base.r[i].cpu)).toFixed(2), JSON.stringify(o).replace(/"/g,'')) }
process.exit()
