import { Cluster, mainCluster } from '../cluster/index.ts';
import { baseImage, layerTags, ownImages, pruneImages, removeImage } from '../images/index.ts';
import { daemonAnswers, forgetClusterAddress, main, say, step, stopOwnDaemon } from '../machine/index.ts';

/** Removes what `npm start` made; `--all` also the image layers that are kept to save time. */
await main(async () => {
  forgetClusterAddress(mainCluster().apiPort);
  if (!(await daemonAnswers())) {
    say('no Docker daemon answers, so nothing runs');
    return 0;
  }
  const cluster = Cluster.attach(mainCluster());
  await step('removing containers, networks and volumes', () => cluster.down());
  const all = process.argv.includes('--all');
  for (const image of [...(await ownImages()), ...(all ? await layerTags() : [])]) {
    say((await removeImage(image)) ? `removed image ${image}` : `kept image ${image}: containers use it`);
  }
  await pruneImages();
  const kept = [baseImage('bookworm'), baseImage('trixie'), ...(await layerTags())];
  say(`kept for the next start: ${kept.join(', ')}${all ? '' : ' (`npm stop -- --all` removes the latter)'}`);
  await stopOwnDaemon();
  return 0;
});
