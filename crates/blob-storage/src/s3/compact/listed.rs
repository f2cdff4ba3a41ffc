//! Which of the parts that S3 lists are those of an upload.
//!
//! Most servers keep one part of each number. SeaweedFS keeps all that were stored with it, and
//! takes the one that is named when the object is put together.

use registry_core::ports::Part;

use super::super::state::Parts;

/// How many ways to choose are tried: two parts each of as many numbers as one holder stores at a
/// time.
const WAYS: usize = 64;

/// Those of the listed parts that make up the upload, if there are such.
pub(super) fn these(upload: &Parts, listed: Vec<Part>) -> Option<Vec<Part>> {
    let mut numbers: Vec<Vec<Part>> = vec![Vec::new(); upload.count as usize];
    for part in listed {
        let place = (part.number as usize).checked_sub(1)?;
        // Others may follow that nobody recorded.
        if let Some(same) = numbers.get_mut(place).filter(|same| !same.contains(&part)) {
            same.push(part);
        }
    }
    let each = numbers.iter().map(Vec::len);
    let ways = each.fold(1, |ways: usize, count| ways.saturating_mul(count));
    let chosen = (0..ways.min(WAYS)).find_map(|way| {
        let parts = choose(&numbers, way);
        upload.are(parts.iter().copied()).then_some(parts)
    })?;
    Some(chosen.into_iter().cloned().collect())
}

/// One of each number; `way` says which.
fn choose(numbers: &[Vec<Part>], mut way: usize) -> Vec<&Part> {
    let one = |same: &Vec<Part>| {
        let place = way % same.len();
        way /= same.len();
        place
    };
    let places: Vec<usize> = numbers.iter().map(one).collect();
    let chosen = numbers.iter().zip(places);
    chosen.map(|(same, place)| &same[place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u32, tag: &str) -> Part {
        let (size, tag) = (10, tag.to_owned());
        Part { number, size, tag }
    }

    fn upload(parts: &[Part]) -> Parts {
        let mut upload = Parts::default();
        for part in parts {
            upload.push(part);
        }
        upload
    }

    #[test]
    fn the_right_ones_are_chosen() {
        let right = [part(1, "a"), part(2, "b"), part(3, "c")];
        let upload = upload(&right);
        for others in [
            vec![],
            vec![part(4, "d"), part(5, "e")],
            right.to_vec(),
            vec![part(1, "x"), part(3, "y"), part(3, "z"), part(9, "a")],
        ] {
            let listed = [others.clone(), right.to_vec()].concat();
            assert_eq!(these(&upload, listed).unwrap(), right);
            let listed = [right.to_vec(), others].concat();
            assert_eq!(these(&upload, listed).unwrap(), right);
        }
    }

    #[test]
    fn others_are_not() {
        let upload = upload(&[part(1, "a"), part(2, "b")]);
        for listed in [
            vec![],
            vec![part(1, "a")],
            vec![part(2, "b")],
            vec![part(1, "a"), part(2, "x")],
            vec![part(0, "a"), part(1, "a"), part(2, "b")],
            (0..100)
                .map(|tag| part(1 + tag % 2, &tag.to_string()))
                .collect(),
        ] {
            assert_eq!(these(&upload, listed), None);
        }
    }
}
